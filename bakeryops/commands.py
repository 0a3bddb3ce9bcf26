"""The one registry of commands: key bindings, footer, palette, help screen and `docs/keys.md` come from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "ANYWHERE",
    "COMMANDS",
    "GROUPS",
    "Availability",
    "Command",
    "Need",
    "State",
    "availability",
    "commands_of",
    "footer",
    "key_label",
    "key_labels",
    "keys_table",
]

ANYWHERE = "*"
"""The name of "every screen" in `Command.screens`."""

GROUPS = ("Views", "Object", "Act", "List", "Log", "Console")
"""The groups of the help screen, in its order."""

_LABELS = {
    "question_mark": "?", "colon": ":", "slash": "/", "escape": "esc", "exclamation_mark": "!",
    "space": "space", "enter": "enter", "tab": "tab", "left_square_bracket": "[", "right_square_bracket": "]",
    "number_sign": "#",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Need:
    """A permission that a command cannot do without, in the namespace of the selected object."""

    verb: str
    """The API verb; "" for none."""
    resource: str
    """Plural name, and subresource after a slash; "*" stands for the kind of the selected object."""
    group: str = ""
    """The API group of the resource."""
    place: str = ""
    """Whose namespace is asked about: "flux" or "builds"; "" for that of the selected object."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do, with the words for it."""

    id: str
    """Unique, "group.verb"; screens implement it as a method `do_group_verb`."""
    title: str
    """One or two words: the footer's label."""
    help: str
    """One sentence for the help screen, the palette and the docs."""
    keys: tuple[str, ...]
    """Keys as Textual names them, the first is shown."""
    group: str
    """One of `GROUPS`."""
    screens: frozenset[str]
    """Names of the screens where it works, or `ANYWHERE`."""
    worth: int = 0
    """Place in the footer: 0 is not shown there, a higher number stays longer on a narrow terminal."""
    selection: frozenset[str] | None = None
    """Kinds (plural names) of which one must be selected, an empty set for any kind; None when it needs none."""
    needs: Need | None = None
    live: bool = False
    """True when it asks the cluster something, and therefore needs a session."""
    changes: bool = False
    """True when it changes the cluster: read-only refuses it."""
    verb: str = ""
    """The words of the command line that do the same, after `bakeryops`."""
    danger: bool = False
    """True when it takes something away that does not come back by itself."""
    confirm: bool = False
    """True when a person sees what it will do, and confirms it, before anything is done."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a command works now, and if not, why."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What decides which commands work now."""

    screen: str
    selected_kind: str | None = None
    """Plural name of the selected object's kind, None when nothing is selected."""
    connected: bool = True
    read_only: bool = False
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Reasons by command id: what the access rules or the screen itself refuse at this moment."""


_MAIN = frozenset({"overview", "builds", "workloads", "events", "gitops"})
_LISTS = _MAIN | {"sync", "service"}
_OBJECTS = _LISTS | {"object", "follow"}
_DESCRIBED = _OBJECTS | {"machine"}
_LOGGABLE = frozenset({"pods", "deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "pipelineruns"})
_ANY = frozenset[str]()
_ALL = frozenset({ANYWHERE})
_LOGS = frozenset({"logs"})
_BUILD = frozenset({"build"})
_LINES = _LOGS | _BUILD
_TEXT = frozenset({"logs", "build", "object", "diff", "saved"})
_SERVED = frozenset({"overview", "builds", "build", "gitops", "workloads", "service", "follow", "object"})
_PODS = frozenset({"overview", "workloads", "service", "object", "follow", "sync"})
_FLUX = frozenset({"gitops", "sync"})
_JOB = frozenset({"job"})
_PLAN = frozenset({"confirm"})
_ROLLED = frozenset({"deployments", "statefulsets", "daemonsets"})
_SHELLS = _ROLLED | {"pods"}
_KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
_TEKTON = "tekton.dev"
_APPLY = Need("patch", "kustomizations", _KUSTOMIZE, "flux")


COMMANDS: tuple[Command, ...] = (
    Command("view.overview", "overview", "Show whether all is right: problems, budgets, node.", ("1",), "Views",
            _ALL, worth=86),
    Command("view.builds", "builds", "Show the builds, newest first: state, commit, services, time taken.", ("2",),
            "Views", _ALL, worth=86),
    Command("view.gitops", "gitops", "Show what Flux fetches and applies, and whether Git says the same.", ("3",),
            "Views", _ALL, worth=86),
    Command("view.workloads", "workloads", "Show workloads and pods with their resources.", ("4",), "Views", _ALL,
            worth=86),
    Command("view.history", "history", "Show every deployment and every action taken, newest first.", ("5",),
            "Views", _ALL, worth=86),
    Command("view.events", "events", "Show events, grouped and counted, kept longer than the cluster keeps them.",
            ("7",), "Views", _ALL, worth=86),
    Command("view.machine", "machine", "Show the node: processor, memory, disk, with curves and limits.", ("m",),
            "Views", _MAIN, worth=20, live=True),
    Command("object.open", "open", "Open the selected object: state, pods, usage, events.", ("enter",), "Object",
            _OBJECTS, worth=80, selection=_ANY, live=True),
    Command("object.logs", "logs", "Show the logs of the selected pod, or of all pods of the workload.", ("l",),
            "Object", _OBJECTS, worth=90, selection=_LOGGABLE, needs=Need("get", "pods/log"), live=True),
    Command("object.describe", "describe", "Describe the selected object.", ("d",), "Object",
            _DESCRIBED | _BUILD, worth=70,
            selection=_ANY, needs=Need("get", "*"), live=True),
    Command("object.yaml", "YAML", "Show the selected object as YAML, with secrets masked.", ("y",), "Object",
            _DESCRIBED | _BUILD, worth=65, selection=_ANY, needs=Need("get", "*"), live=True),
    Command("object.events", "events of it", "Show the events of the selected object.", ("e",), "Object",
            _DESCRIBED, worth=60, selection=_ANY, needs=Need("list", "events"), live=True),
    Command("delivery.service", "service", "Show the service of the selected object: deployments, builds, pods.",
            ("v",), "Object", (_OBJECTS - {"service"}) | {"history"}, worth=67, live=True),
    Command("delivery.follow", "follow",
            "Follow the selected commit to ready pods; on the overview, the newest.", ("F",),
            "Object", (_OBJECTS - {"follow"}) | _BUILD | {"history"}, worth=68, live=True),
    Command("flux.diff", "diff", "Compare what Git says with what runs.", ("D",), "Object",
            frozenset({"gitops", "sync"}), worth=79, live=True),
    Command("rollback.service", "roll back", "Put a service back to an earlier deployment, through Git.", ("R",),
            "Act", _SERVED, worth=91, needs=_APPLY, live=True, changes=True, verb="rollback", danger=True,
            confirm=True),
    Command("rollback.undo", "undo", "Take a rollback of the service back.", ("U",), "Act", _SERVED, worth=66,
            needs=_APPLY, live=True, changes=True, verb="rollback", danger=True, confirm=True),
    Command("hold.toggle", "hold/lift", "Let builds deploy no new image of the service, or let them again.",
            ("H",), "Act", frozenset({"overview", "workloads", "service", "object", "follow"}), worth=44,
            needs=Need("patch", "configmaps", place="builds"), live=True, changes=True, verb="hold",
            confirm=True),
    Command("build.again", "build again", "Run the selected build again; of a service, build it anew.", ("B",),
            "Act", frozenset({"service", "builds", "build"}), worth=64,
            needs=Need("create", "pipelineruns", _TEKTON, "builds"), live=True, changes=True, verb="rebuild",
            confirm=True),
    Command("build.cancel", "cancel build", "Cancel the selected build, at once or with its closing tasks.",
            ("x",), "Act", frozenset({"builds", "build"}), worth=93,
            needs=Need("patch", "pipelineruns", _TEKTON), live=True, changes=True, verb="builds cancel",
            danger=True, confirm=True),
    Command("flux.reconcile", "reconcile", "Let Flux fetch and apply now, and wait until it has.", ("u",), "Act",
            _FLUX, worth=87, needs=Need("patch", "*"), live=True, changes=True, verb="flux reconcile",
            confirm=True),
    Command("flux.suspend", "suspend/resume", "Let Flux leave an object alone, with a reason; or go on with it.",
            ("P",), "Act", _FLUX, worth=61, needs=Need("patch", "*"), live=True, changes=True,
            verb="flux suspend", confirm=True),
    Command("flux.approve", "approve", "Look at all that a first apply would do, and let it begin.", ("A",),
            "Act", _FLUX, worth=62, needs=Need("patch", "*"), live=True, changes=True, verb="flux approve",
            danger=True, confirm=True),
    Command("workload.restart", "restart", "Restart the pods of the selected workload, one after the other.",
            ("ctrl+r",), "Act", _PODS, worth=34, selection=_ROLLED, needs=Need("patch", "*"), live=True,
            changes=True, verb="workloads restart", confirm=True),
    Command("workload.scale", "replicas", "Change how many pods the selected workload has.", ("number_sign",),
            "Act", _PODS, worth=33, selection=frozenset({"deployments", "statefulsets"}),
            needs=Need("patch", "*/scale"), live=True, changes=True, verb="workloads scale", danger=True,
            confirm=True),
    Command("pod.delete", "delete pod", "Delete the selected pod; what owns it makes a new one.", ("ctrl+d",),
            "Act", _PODS, worth=32, selection=frozenset({"pods"}), needs=Need("delete", "pods"), live=True,
            changes=True, verb="workloads delete-pod", danger=True, confirm=True),
    Command("pod.shell", "shell", "Open a shell in the selected pod; leaving it comes back here.", ("x",), "Act",
            _PODS, worth=36, selection=_SHELLS, needs=Need("create", "pods/exec"), live=True, changes=True,
            verb="workloads shell"),
    Command("pod.forward", "port", "Forward a port of this machine to the selected pod, or end that.", ("p",),
            "Act", _PODS, worth=31, selection=_SHELLS, needs=Need("create", "pods/portforward"), live=True,
            changes=True, verb="workloads port-forward"),
    Command("history.open", "open", "Open the job, commit or service that the entry is about.", ("enter",),
            "Object", frozenset({"history"}), worth=80),
    Command("blackbox.list", "black box", "Show the failures that were saved when they happened.", ("b",),
            "Object", frozenset({"history"}), worth=58),
    Command("blackbox.open", "open", "Show the saved failure with its log, events and times.", ("enter",),
            "Object", frozenset({"blackbox"}), worth=94),
    Command("blackbox.compare", "good run", "Show the failure beside the last good run of its task.", ("v",),
            "Object", frozenset({"saved"}), worth=90),
    Command("jobs.open", "jobs", "Show what was started to change something, running ones first.", ("J",), "Act",
            _ALL, worth=37),
    Command("plan.copy", "copy command", "Copy the command line that does the same.", ("y",), "Act",
            _PLAN | _JOB, worth=92),
    Command("plan.commands", "commands", "Show every command and request that will be made, or the plan again.",
            ("p",), "Act", _PLAN, worth=94),
    Command("plan.options", "options", "Choose how it is done: a reason, holding, builds that are in the way.",
            ("o",), "Act", _PLAN, worth=91),
    Command("plan.again", "new plan", "Compute the plan anew.", ("r",), "Act", _PLAN, worth=93, live=True),
    Command("job.leave", "leave it running", "Go back; the job goes on without this console.", ("d",), "Act",
            _JOB, worth=96),
    Command("job.cancel", "cancel", "Ask the job to stop where nothing is left half done.", ("x",), "Act", _JOB,
            worth=97, changes=True, verb="jobs cancel", confirm=True),
    Command("job.log", "log", "Show all that the job said, or its steps again.", ("l",), "Act", _JOB, worth=95),
    Command("job.again", "new preview", "Compute the plan anew where the job was refused or has failed.", ("n",),
            "Act", _JOB, worth=97, live=True, changes=True, verb="rollback", confirm=True),
    Command("job.undo", "undo", "Show the plan that takes it back.", ("u", "U"), "Act", _JOB, worth=96,
            live=True, changes=True, verb="rollback", confirm=True),
    Command("job.resume", "resume", "Go on with a job whose process is gone; what is done is found done.",
            ("r",), "Act", _JOB, worth=98, changes=True, verb="jobs resume"),
    Command("jobs.watch", "open", "Follow the selected job.", ("enter",), "Act", frozenset({"jobs"}), worth=94),
    Command("drill.hint", "hint", "Give the next hint of the drill.", ("ctrl+t", "ctrl+h"), "Act", _ALL),
    Command("tree.fold", "fold", "Show or hide what is below the selected line.", ("space",), "List",
            frozenset({"sync"}), worth=57),
    Command("tree.all", "fold all", "Unfold everything, or fold everything again.", ("z",), "List",
            frozenset({"sync"}), worth=30),
    Command("list.filter", "filter", "Show only rows that hold the words typed; !word leaves out.", ("slash",),
            "List", _LISTS | {"jobs", "history", "blackbox"}, worth=81),
    Command("list.pods", "next list", "Go on to the next list of this screen.", ("w", "tab"),
            "List", frozenset({"workloads", "service"}), worth=88),
    Command("list.next", "next node", "Show the next node.", ("tab",), "List", frozenset({"machine"}), worth=30),
    Command("list.group", "by service", "Gather by service, those with trouble first; or show the worst first.",
            ("b",), "List", frozenset({"workloads"}), worth=40),
    Command("list.sort", "sort", "Sort by the next column.", ("s",), "List",
            frozenset({"builds", "workloads", "events", "history"}), worth=35),
    Command("list.reverse", "reverse", "Turn the order of the rows round.", ("S",), "List",
            frozenset({"builds", "workloads", "events", "history"})),
    Command("list.warnings", "all/warnings", "Change between warnings only and all events.", ("a",), "List",
            frozenset({"events"}), worth=58),
    Command("list.namespace", "namespace", "Choose one namespace, or all.", ("n",), "List", _MAIN, worth=55,
            live=True),
    Command("build.log", "whole log", "Show the log of the selected step full screen.", ("enter",), "Log", _BUILD,
            worth=89, needs=Need("get", "pods/log"), live=True),
    Command("build.logs", "all logs", "Show the logs of all tasks, interleaved by time.", ("l",), "Log", _BUILD,
            worth=92, needs=Need("get", "pods/log"), live=True),
    Command("build.info", "facts", "Show reasons, parameters and results of the selected task and of the build.",
            ("i",), "Log", _BUILD, worth=90),
    Command("build.pane", "time line, log", "Go from the time line to the log, and back.", ("tab",), "Log", _BUILD,
            worth=85),
    Command("text.search", "search", "Search in the text.", ("slash",), "Log", _TEXT, worth=93),
    Command("text.next", "next hit", "Go to the next hit of the search.", ("n",), "Log", _TEXT, worth=30),
    Command("text.previous", "hit before", "Go to the hit before.", ("N",), "Log", _TEXT),
    Command("log.follow", "follow", "Stay at the newest line, or stop there.", ("f",), "Log", _LINES, worth=94),
    Command("log.pause", "pause", "Hold the picture still; lines go on being kept.", ("space",), "Log", _LINES,
            worth=50),
    Command("log.error", "first error", "Go to the first line that looks like an error.", ("e", "E"), "Log",
            _LINES, worth=91),
    Command("log.wrap", "wrap", "Wrap long lines, or cut them.", ("w",), "Log", _LINES, worth=40),
    Command("log.times", "times", "Show or hide the time of each line.", ("t",), "Log", _LINES, worth=38),
    Command("log.previous", "previous", "Show the log of the container's last run, before its restart.", ("p",),
            "Log", _LOGS, worth=90, live=True),
    Command("log.container", "container", "Choose the container, or all main ones together.", ("o",), "Log", _LOGS,
            worth=87, live=True),
    Command("log.since", "since", "Choose how far back the log begins.", ("i",), "Log", _LOGS, worth=45,
            live=True),
    Command("log.save", "save", "Save the whole log, as the cluster has it, to a file.", ("s",), "Log", _LINES,
            worth=88, live=True),
    Command("text.copy", "copy", "Copy what is shown to the terminal's clipboard, or to a file when too long.",
            ("c",), "Log", _TEXT, worth=42),
    Command("object.secrets", "show managed", "Show or hide the managed fields in the YAML.", ("M",), "Object",
            frozenset({"object"})),
    Command("console.back", "back", "Go back; on a main view, clear the filter.", ("escape",), "Console", _ALL,
            worth=95),
    Command("console.help", "help", "Explain every key of this screen.", ("question_mark",), "Console", _ALL,
            worth=100),
    Command("console.palette", "find", "Find any object, view or command by its name.", ("colon", "ctrl+p"),
            "Console", _ALL, worth=88),
    Command("console.retry", "retry", "Try to reach the cluster at once.", ("r",), "Console",
            _OBJECTS | {"build", "connect", "machine", "diff"}, worth=99),
    Command("console.context", "context", "Change to another cluster of the kubeconfig.", ("K",), "Console",
            _MAIN | {"connect"}, worth=15),
    Command("console.theme", "theme", "Choose the colours: dark, light, 16 colours, high contrast.", ("T",),
            "Console", _ALL),
    Command("console.cost", "own cost", "Show what the console itself costs: watches, requests, bytes, memory.",
            ("C",), "Console", _ALL),
    Command("console.quit", "quit", "Leave the console.", ("q", "ctrl+q"), "Console", _ALL, worth=10),
)  # fmt: skip
"""Every command there is."""


def commands_of(screen: str) -> list[Command]:
    """Return the commands that belong to a screen, in the registry's order."""
    return [command for command in COMMANDS if screen in command.screens or ANYWHERE in command.screens]


def availability(command: Command, state: State) -> Availability:
    """Say whether `command` works in `state`; the reason is for people."""
    if command.id in state.refusals:
        return Availability(False, state.refusals[command.id])
    if command.changes and state.read_only:
        return Availability(False, "the console is read-only (--read-only or read_only: true)")
    if command.live and not state.connected:
        return Availability(False, "no cluster is connected")
    if command.selection is not None:
        if state.selected_kind is None:
            return Availability(False, "nothing is selected")
        if command.selection and state.selected_kind not in command.selection:
            return Availability(False, f"{state.selected_kind} have no {command.title}")
    return Availability(True)


def footer(state: State) -> list[Command]:
    """Return what the footer may show now, most worth first; the caller stops when the line is full."""
    able = (command for command in commands_of(state.screen) if command.worth and availability(command, state).ok)
    return sorted(able, key=lambda command: -command.worth)


def key_label(command: Command) -> str:
    """Return the first key of a command as people write it."""
    return _label(command.keys[0])


def key_labels(command: Command) -> str:
    """Return all keys of a command as people write them."""
    return " ".join(_label(key) for key in command.keys)


def keys_table(screens: Iterable[str]) -> str:
    """Return the Markdown text of `docs/keys.md`: one table a group."""
    names = list(screens)
    parts = ["# Keys", "", "Made from `bakeryops/commands.py`; a test holds it in step. The footer shows the keys",
             "that work at the moment, `?` explains all of the current screen."]  # fmt: skip
    for group in GROUPS:
        parts += ["", f"## {group}", "", "| Key | Name | Where | What it does |", "|---|---|---|---|"]
        for command in COMMANDS:
            if command.group == group:
                where = (
                    "everywhere"
                    if ANYWHERE in command.screens
                    else ", ".join(n for n in names if n in command.screens)
                )
                keys = " ".join(f"`{_label(key)}`" for key in command.keys)
                parts.append(f"| {keys} | {command.title} | {where} | {command.help} |")
    return "\n".join(parts) + "\n"


def _label(key: str) -> str:
    return _LABELS.get(key, key)
