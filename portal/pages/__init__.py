"""One file per page family: route, view values, template."""
