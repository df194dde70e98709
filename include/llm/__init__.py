"""The fan-out: from texts to validated answers, at the provider's limit, with every paid answer kept.

What other code calls, and nothing more:

    chain = build_chain(pipeline, endpoint, model, prompt_version)     # build_chain.py: prompts, schemas, caps
    Limiter(store, key, requests_per_minute, tokens_per_minute, ...)   # include/limits: async context manager
    ChatClient(endpoint, in_flight)                                    # client.py: one HTTP call; the same
    LedgerWriter(lake, folder)                                         # ledger.py: kept before it counts; the same
    caller = Caller(client, limiter, probe)                            # retry.py: ask until there is an answer
    await FanOut(chain, caller, ledger, ...).run(texts)                # fanout.py: a worker for each place in flight
    write_answers(lake, folder, path, answer_model, ...)               # answers_file.py: the shard's Parquet

`FanOut.run` raises `StopRun` when going on cannot help and `RetryLater` when the endpoint was away for too long; all
else ends as an entry of the ledger, with an answer or with the reason why there is none. Times are in seconds,
latencies in milliseconds, money in USD, and tokens as the provider counted them.
"""
