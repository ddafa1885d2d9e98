"""Turn results into what people compare: summaries of one run, differences between several."""
