"""Prints what a consent discloses. The credentials are those that were shown when it was given.

P1_HOST=… P1_PORT=… P1_USERNAME=… P1_PASSWORD_FILE=… python subscriber.py
"""

import json
import os
from pathlib import Path

import paho.mqtt.client as mqtt


def on_connect(client, _userdata, _flags, reason, _properties):
    print(f"connected: {reason}", flush=True)
    client.subscribe(f"p1/{os.environ['P1_USERNAME']}/#", qos=1)


def on_message(_client, _userdata, message):
    print(message.topic.rpartition("/")[2], json.loads(message.payload or "null"), flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.username_pw_set(os.environ["P1_USERNAME"], Path(os.environ["P1_PASSWORD_FILE"]).read_text().strip())
client.on_connect, client.on_message = on_connect, on_message
client.connect(os.environ["P1_HOST"], int(os.environ["P1_PORT"]))
client.loop_forever()
