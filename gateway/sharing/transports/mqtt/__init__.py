"""MQTT, through a broker that keeps the others out.

access       admits and cuts off recipients           connection  one MQTT v5 connection
mosquitto    the managed broker's files and process
"""
