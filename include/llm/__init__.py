"""The fan-out: from texts to validated answers, at the provider's limit, with every paid answer kept.

What other code calls, and nothing more:

    chain = build_chain(pipeline, endpoint, model, prompt_version)     # pipelines/chain.py: prompts, schemas, caps
    async with open_answerer(chain, endpoint, limits, job, ...) as it: # answerer.py: pace, budget, fuse, client
        answered = await it.answer(texts, LedgerWriter(lake, folder))  # online.py: a worker for each place in flight
    write_answers(lake, folder, path, answer_model, ...)               # answers_file.py: the shard's Parquet

What is sent about one text, and whether its answer is good, is decided by `conversation.py`, which does no I/O.

`answer` raises `StopRun` when going on cannot help and `RetryLater` when the endpoint was away for too long; all
else ends as an entry of the ledger, with an answer or with the reason why there is none. Times are in seconds,
latencies in milliseconds, money in USD, and tokens as the provider counted them.
"""
