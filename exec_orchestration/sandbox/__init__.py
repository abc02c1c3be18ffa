"""The garden shed: a twin of both vendors' REST APIs on loopback, for the demo and the tests.

Lives here: a made-up company (`cast`, `catalogue`) and what it does day by day (`practice`, `team_learning`), put
together as one value (`world`); HR's list of its people (`roster`); the vendors' own arithmetic (`analytics`) and users
(`accounts`, `batches`); their routes (`exec_com`, `sparkwise`); the desk each request passes (`desk`, `limits`,
`faults`, `request_log`, `answers`); the server (`app`, `switches`).
Must not live here: anything of the house. The shed imports no other room, and no room imports the shed.
Leads to: `python -m exec_orchestration.sandbox.app --port 0` and
`python -m exec_orchestration.sandbox.roster --out roster.csv`.
"""
