"""How every page writes a time: ISO 8601 with its zone, as in the API and the logs."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s T"
