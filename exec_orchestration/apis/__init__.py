"""The door: Exec and Sparkwise, as iterators of plain dicts.

Nothing here knows a table, a frame or Dagster. `http` holds the wire, `paging` puts pages together, `budget` decides
when a request may be sent, `pacing` carries that out, `exec_com` and `sparkwise` name each resource once.
"""
