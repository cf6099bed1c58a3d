"""Which entries fit the wishes for an app: candidates, wishes, rules, reasons and the answer."""
