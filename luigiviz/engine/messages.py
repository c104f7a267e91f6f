"""Messages to workers and tasks, and the answers of tasks."""

from __future__ import annotations

import uuid
from typing import Any

from luigiviz.engine.model import Task, Worker


def post(worker: Worker, name: str, **kwargs: Any) -> None:
    """Leave a message that the worker's next ping takes along."""
    worker.rpc_messages.append({"name": name, "kwargs": kwargs})


def collect(worker: Worker) -> list[dict[str, Any]]:
    """Take the messages that wait for a worker."""
    messages = worker.rpc_messages
    worker.rpc_messages = []
    return messages


def post_to_task(worker: Worker, task_id: str, content: Any) -> str:
    """Leave a message to a task that a worker runs; return the id under which the answer will be kept."""
    message_id = str(uuid.uuid4())
    post(worker, "dispatch_scheduler_message", task_id=task_id, message_id=message_id, content=content)
    return message_id


def keep_answer(task: Task, message_id: str, answer: Any) -> None:
    """Keep a task's answer until somebody asks for it."""
    if task.scheduler_message_responses is None:
        task.scheduler_message_responses = {}
    task.scheduler_message_responses[message_id] = answer


def take_answer(task: Task, message_id: str) -> Any:
    """Take a task's answer; None while there is none."""
    answers = task.scheduler_message_responses
    if not answers:
        return None
    answer = answers.pop(message_id, None)
    if not answers:
        task.scheduler_message_responses = None
    return answer
