"""The day with the highest import, out of an export.

p1-gateway history export --period day --output usage.csv
python read_export.py usage.csv
"""

import csv
import sys

with open(sys.argv[1], newline="") as file:
    days = [row for row in csv.DictReader(file) if row["complete"] == "True"]

highest = max(days, key=lambda row: float(row["import_kwh"]))
total = sum(float(row["import_kwh"]) for row in days)
print(f"{len(days)} whole days, {total:.1f} kWh in all")
print(f"most on {highest['starts_at'][:10]}: {float(highest['import_kwh']):.1f} kWh")
