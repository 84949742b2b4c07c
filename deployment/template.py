"""
What is done to the template that ``chalice package`` renders, before it is deployed.

Chalice merges ``.chalice/resources.json`` into it as it is. What depends on the stage, or on a number that Chalice has,
is completed here, so that it is said once.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

VISIBILITY_IN_TIMEOUTS = 6
"""AWS asks this of a queue that drives a function, so that a batch it could not take at once is not delivered twice."""

FUNCTION = "AWS::Serverless::Function"
MADE_BY_CHALICE = (FUNCTION, "AWS::Serverless::Api", "AWS::Lambda::Permission")
"""
Types of the resources that ``chalice deploy`` makes by itself.

It could make roles, but not from our policies: only CloudFormation can fill in the names that those leave open.
"""

PARTIAL_BATCH_RESPONSES = "PARTIAL_BATCH_RESPONSES"
"""The setting that goes with ``ReportBatchItemFailures`` on a function's event source mapping."""


class TemplateError(Exception):
    """The stage does not fit the template; the message says what to change."""


def stage_parameters(config: Mapping[str, Any], stage: str, names: Mapping[str, Any]) -> dict[str, str | int]:
    """
    Return the value of each of the template's parameters, ``names``, in a stage of ``.chalice/config.json``.

    Raises:
        TemplateError: One has no value there, or one that it must not have, or a value is of none.
    """
    values = {**config["template_parameters"], **config["stages"][stage].get("template_parameters", {})}
    if missing := sorted(set(names) - set(values)):
        message = f"template_parameters in .chalice/config.json lack {', '.join(missing)}"
        raise TemplateError(message)
    if unknown := sorted(set(values) - set(names)):
        message = f"the template has no parameter {', '.join(unknown)}; it has {', '.join(names)}"
        raise TemplateError(message)
    # JSON's own words for them are as good as the text that CloudFormation wants.
    values = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in values.items()}
    for name, value in values.items():
        if not _is_allowed(names[name], value):
            message = f"{name} in template_parameters of .chalice/config.json may not be {json.dumps(value)}"
            allowed = ", ".join(map(str, names[name].get("AllowedValues", [])))
            raise TemplateError(f"{message}; it may be {allowed}" if allowed else message)
    return values


def completed(template: Mapping[str, Any], config: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """
    Return the rendered template with what its stage says.

    Each parameter has the stage's value as its default. Each queue that drives a function hides a message for
    `VISIBILITY_IN_TIMEOUTS` times the function's timeout. Whether functions are traced is what the globals say: Chalice
    renders a word of its own into each, which would count in their place.

    Raises:
        TemplateError: As `stage_parameters`.
    """
    made: dict[str, Any] = json.loads(json.dumps(template))
    for name, value in stage_parameters(config, stage, made["Parameters"]).items():
        made["Parameters"][name]["Default"] = value
    for function in functions(made).values():
        function.pop("Tracing", None)
        for mapping in sqs_mappings(function):
            if (queue := queue_of(mapping)) in made["Resources"]:
                visibility_s = VISIBILITY_IN_TIMEOUTS * function["Timeout"]
                made["Resources"][queue]["Properties"]["VisibilityTimeout"] = visibility_s
    return made


def without_functions(template: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the template without what ``chalice deploy`` makes, and without what names any of it.

    So of the alarms those of queues and of logged errors are left, and no dashboard. The functions' roles stay. What
    Chalice must be told, the stack puts out: each role's ARN under `role_output`, and each setting that only
    CloudFormation knows under `setting_output`.
    """
    resources = template["Resources"]
    gone: set[str] = set()
    found = {name for name, resource in resources.items() if resource["Type"] in MADE_BY_CHALICE}
    while found:
        gone |= found
        found = {name for name, resource in resources.items() if name not in gone and gone & set(_named(resource))}
    outputs = {name: output for name, output in template["Outputs"].items() if not gone & set(_named(output))}
    for function in functions(template).values():
        role = role_of(function)
        outputs[role_output(role)] = {"Value": {"Fn::GetAtt": [role, "Arn"]}}
        for name, value in variables_of(template, function).items():
            if not isinstance(value, str):
                outputs[setting_output(name)] = {"Value": value}
    kept = {name: part for name, part in template.items() if name not in {"Globals", "Transform"}}
    return {
        **kept,
        "Resources": {name: each for name, each in resources.items() if name not in gone},
        "Outputs": outputs,
    }


def role_output(role: str) -> str:
    """Return the name under which a stack without functions puts out the ARN of a role."""
    return f"{role}Arn"


def setting_output(setting: str) -> str:
    """Return the name under which a stack without functions puts out a setting; such a name has no underscores."""
    return "Setting" + setting.title().replace("_", "")


def role_of(function: Mapping[str, Any]) -> str:
    """Return the resource that is a function's role."""
    return str(function["Role"]["Fn::GetAtt"][0])


def variables_of(template: Mapping[str, Any], function: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's environment: what all have, and its own."""
    shared = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    return {**shared, **function.get("Environment", {}).get("Variables", {})}


def functions(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of the template's functions, by the names of their resources."""
    return {name: each["Properties"] for name, each in template["Resources"].items() if each.get("Type") == FUNCTION}


def sqs_mappings(function: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the properties of the function's event source mappings from queues."""
    return [event["Properties"] for event in function.get("Events", {}).values() if event["Type"] == "SQS"]


def stream_mappings(function: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the properties of the function's event source mappings from streams of tables."""
    return [event["Properties"] for event in function.get("Events", {}).values() if event["Type"] == "DynamoDB"]


def queue_of(mapping: Mapping[str, Any]) -> str:
    """Return the resource that a mapping names by its ARN, as Chalice's merged templates must; empty if it does not."""
    named = re.fullmatch(r"\$\{(\w+)\.Arn\}", str(mapping["Queue"].get("Fn::Sub")))
    return named[1] if named else ""


def _is_allowed(parameter: Mapping[str, Any], value: object) -> bool:
    """Tell whether CloudFormation takes a value for a parameter, by those rules that the template has."""
    if parameter["Type"] == "Number" and not (isinstance(value, int) and value >= parameter.get("MinValue", 0)):
        return False
    if "AllowedValues" in parameter and value not in parameter["AllowedValues"]:
        return False
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)) is not None


def _named(part: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield whatever a part of a template names: resources, parameters, and AWS's own."""
    if isinstance(part, list):
        for each in part:
            yield from _named(each)
    if not isinstance(part, dict):
        return
    for key, value in part.items():
        if key == "Ref":
            yield value
        elif key == "DependsOn":
            yield from [value] if isinstance(value, str) else value
        elif key == "Fn::GetAtt":
            yield value[0] if isinstance(value, list) else value.partition(".")[0]
        elif key == "Fn::Sub":
            text, own = value if isinstance(value, list) else (value, {})
            yield from (name for name in re.findall(r"\$\{(\w+)(?:\.\w+)?\}", text) if name not in own)
            yield from _named(own)
        else:
            yield from _named(value)
