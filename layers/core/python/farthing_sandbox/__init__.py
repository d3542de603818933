"""The sandbox acquirer: somebody else's payment system in miniature.

It keeps its own books in its own table and imports nothing of the package
`farthing`, so that a double charge shows up here however sure Farthing is that
it made none. Reading order: `cards`, `banks` and `wallets` (what each test number
does), `operations` and `debits` (what becomes of a request), `refusals` (why not),
`reversals` (what can be undone by reference), `settlement` (the daily report),
`books`, `journal` and `maturity` (DynamoDB), `acquirer` (the use cases), `http`
(the API), `deferred` (what happens without being asked) and `notices` (its webhooks).
Beside it, with a key of its own, the schemes' token service: `token_rules`,
`token_books`, `token_service`, `token_http`.
"""
