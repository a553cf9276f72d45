"""One file per page family: view values and forms, finished for its template."""
