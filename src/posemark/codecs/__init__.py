"""L1: key points <-> network output. numpy only; knows neither images nor networks."""
