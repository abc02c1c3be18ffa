"""The door: Exec and Sparkwise, as iterators of plain dicts.

Nothing here knows a table, a frame or Dagster. `http` holds the wire, `paging` puts pages together,
`budget` decides when a request may be sent, `exec_com` and `sparkwise` name each resource once.
"""
