"""Recommendations for an app: candidates, wishes, rules, reasons and the answer."""
