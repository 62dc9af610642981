"""Jobs: what a log says of each, whatever the queue library.

A *schema* says for one library how its keys are named and what each means; the rest
knows no library:

    patterns   key names such as `rq:job:{id}`
    elements   how a job's id is read from an element: whole, JSON, msgpack, ...
    schema     one library's keys, read from a TOML file
    shipped    the schemas that come with the tool, and which of them a log is of
    moves      which elements an effect adds to a key and takes from it
    stories    one job: where it is, who took it, what happened to it
    facts      what a job's own key, a score or an alias says
    notices    what entries of a stream say
    settling   what one record means for a job
    tracker    records in, stories out
    beginning  the jobs that there are where nothing is known of what was before
    ended      stories that are let go
    ledger     what the index keeps of jobs: `ledger_pages`, `ledger_rows`,
               `ledger_building`
    packing    stories, and all that a tracker knows, as they are kept
    sparse     one job of a long log, from the records that mention it
    followed   what a tracker follows: a whole past, or a sparse one
    verdicts   what became of a job: done, lost, stuck, delivered twice, ...
    views      stories and verdicts as text and as JSON
    timelines  one job, with all its steps
    reading    the jobs of a data folder at a moment
    audit      who did what to which jobs
    checks     what must hold of a queue at any moment, for `bisect`
"""
