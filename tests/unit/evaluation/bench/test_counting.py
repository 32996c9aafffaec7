import os
import time

from evaluation.bench.counting import cpu_seconds, parse_counters

PAGE = """
# TYPE rabbitmq_global_messages_received_total counter
rabbitmq_global_messages_received_total{protocol="amqp091"} 20
rabbitmq_global_messages_received_total{protocol="amqp10"} 1
rabbitmq_global_messages_received_confirm_total{protocol="amqp091"} 7
rabbitmq_global_messages_delivered_total{protocol="amqp091",queue_type="a"} 3
rabbitmq_global_messages_delivered_total{protocol="amqp091",queue_type="b"} 4
rabbitmq_global_messages_delivered_consume_auto_ack_total{protocol="amqp091"} 3
rabbitmq_global_messages_confirmed_total{protocol="amqp091"} 1.5e+1
"""


class TestParseCounters:
    def test_adds_protocols_and_queue_types_up(self):
        assert parse_counters(PAGE) == {
            "published": 21,
            "delivered": 7,
            "acknowledged": 0,
            "confirmed": 15,
        }


class TestCpuSeconds:
    def test_follow_the_processor_time_of_a_process(self):
        before = cpu_seconds([os.getpid()])
        started = time.process_time()
        while time.process_time() - started < 0.1:
            pass

        assert 0.05 < cpu_seconds([os.getpid()]) - before < 1

    def test_are_none_for_nobody(self):
        assert cpu_seconds([]) == 0
