"""Time-heatmaps: a user's last 365 local days by hour, as the non-empty cells of one channel a rule.

`settings` say which channels; `vocabulary` fixes their genres; `encoding` makes cells of events; `segments`
are the files, each a month or a day; `store` keeps them up to date; `reading` gives the window before a date.
"""
