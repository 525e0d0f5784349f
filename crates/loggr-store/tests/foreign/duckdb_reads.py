#!/usr/bin/env python3
"""Reads a store with DuckDB and prints what it finds as one JSON object.

usage: duckdb_reads.py DIR

The test `foreign` makes the store and compares. Exit 3: there is no DuckDB here.
"""

import json
import sys

try:
    import duckdb
except ImportError:
    sys.exit(3)

db = duckdb.connect()
files = sys.argv[1] + "/day=*/*.parquet"
table = "read_parquet(?, union_by_name=true, hive_partitioning=true)"


def one(sql):
    return db.execute(sql.replace("EVENTS", table), [files]).fetchone()


def rows(sql):
    return db.execute(sql.replace("EVENTS", table), [files]).fetchall()


print(
    json.dumps(
        {
            "events": one("select count(*) from EVENTS")[0],
            "uids": one("select count(distinct (uid_high, uid_low)) from EVENTS")[0],
            "first_uid": one("select format('{:016x}{:016x}', uid_high, uid_low) from EVENTS order by uid_high, uid_low limit 1")[0],
            "by_app": rows("select app_name, count(*) from EVENTS group by 1 order by 1"),
            "by_day": [[str(d), n] for d, n in rows("select day, count(*) from EVENTS group by 1 order by 1")],
            "times": [
                str(t) for t in one("select min(epoch_us(timegenerated)), max(epoch_us(timegenerated)) from EVENTS")
            ],
            "reported": str(one("select min(epoch_us(coalesce(timereported, timegenerated))) from EVENTS")[0]),
            "failed": one("select count(*) from EVENTS where message like '%Failed password%'")[0],
            "errors": one('select count(*) from EVENTS where "fields.status" >= 500')[0],
            "network": one(
                'select count(*) from EVENTS where "fields.client_ip" between 167772160 and 184549375'
            )[0],
            "tagged": one("select count(*) from EVENTS where list_contains(from_json(tags, '[\"varchar\"]'), 'web')")[0],
            "in_rest": one("select count(*) from EVENTS where json_extract_string(rest, '$.fields[0][0]') = 'user'")[0],
        }
    )
)
