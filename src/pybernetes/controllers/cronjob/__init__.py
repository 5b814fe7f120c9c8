"""The CronJob controller: Jobs on a schedule.

`schedule.py` reads cron expressions and tells times; `controller.py` starts, counts and removes Jobs.
"""
