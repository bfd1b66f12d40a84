#include "core/flow/flow_page.hpp"

#include <algorithm>

#include "core/flow/driver.hpp"
#include "core/flow/table.hpp"

namespace patchbay::flow::testing {
namespace {

constexpr std::string_view kIntroduction =
    R"(# The flow of an update

<!-- Printed from core/flow/table.hpp by `patchbay-flow-page`; change the table or
     core/flow/flow_page.cpp, then build the target `flow-page`. A test compares. -->

Every update walks through one table of states, whoever asked for it and whatever its payloads are.
A state does one thing: it runs a group of state scripts, calls the update modules, asks them
something, or reboots. What it answers is an event, and the table says which state follows.

Before a state with effects begins, it is written to the journal in the data store. After a power
cut the next start finds it there and goes on where the column *after a cut* says. The rules behind
that column:

- Up to the end of the download nothing has been touched: the update is dropped and cleaned up.
- From the first install script to the end of the modules' commit, an interrupted update is undone.
  A cut is a failure: nobody knows how far the interrupted module had come, but the module itself.
- A reboot looks like a power cut. So the states that reboot go on with the verification. When the
  boot id says that the machine has not rebooted since, the reboot is still to be done.
- Once every module has committed, the new name and provides are recorded together with the journal
  entry. From that entry on, the update is only finished, never undone.
- Undoing goes on where it stood; modules must bear a second ArtifactRollback.

A place that is interrupted too often in a row ()";

constexpr std::string_view kIntroductionEnd =
    R"( times) is given up: the update goes on at *given up*.
A rollback that the old system does not confirm reboots again, up to )";

constexpr std::string_view kStatesHead =
    R"( times.

## States

*Detail* is the script group or the call, as modules and scripts see it. *yes* is the edge of a
question that was answered so; *ok* is then No. *Record* is the place that Mender's client finds in
its own record (`InState` of `standalone-state`), so that it can go on where Patchbay stopped, and
the other way round; without one, Mender sees no update. *Stop* is what `--stop-before` calls the
state. An error in a state that *blames* `recovery` means that undoing went wrong: the device may be
in between, and the recorded name gets the suffix `_INCONSISTENT`.

| State | Does | Detail | ok | failed | yes | after a cut | given up | blames | Record | Stop |
|---|---|---|---|---|---|---|---|---|---|---|
)";

constexpr std::string_view kDiagramHead = R"(
## Edges

Solid: ok, dashed: failed, thick: yes. Edges that lead to the same state are drawn as one.

```mermaid
flowchart TD
)";

std::string_view in_words(Action action) {
  switch (action) {
    case Action::scripts:
      return "scripts, up to the first failure";
    case Action::scripts_lenient:
      return "scripts, all of them";
    case Action::download:
      return "streams every payload to its module, verifies all checksums";
    case Action::modules:
      return "calls every module in order, up to the first failure";
    case Action::modules_all:
      return "calls every module in order";
    case Action::roll_back:
      return "calls the modules whose install has begun, in reverse order";
    case Action::ask_reboot:
    case Action::ask_reboot_again:
      return "asks: does anybody need a reboot?";
    case Action::ask_commit:
      return "asks: does anything keep the way back open? If not, commits at once";
    case Action::ask_consent:
      return "asks whoever may call the update off (the device, the server that ordered it): does "
             "it go on?";
    case Action::ask_rollback:
      return "asks: can what has begun be undone?";
    case Action::reboot:
      return "calls the modules that reboot by themselves, then reboots the machine once";
    case Action::verify:
      return "calls the modules that asked for the reboot";
    case Action::clean_up:
      return "calls every module that has a work tree, removes trees and scripts";
    case Action::nothing:
      break;
  }
  return "nothing";
}

std::string_view in_words(Blame blame) {
  switch (blame) {
    case Blame::update:
      return "the update";
    case Blame::recovery:
      return "recovery";
    case Blame::none:
      break;
  }
  return "";
}

std::string code(std::string_view name) {
  return name.empty() ? "" : "`" + std::string{name} + "`";
}

std::string edge(State from, Event event) {
  const auto to = next(from, event);
  return to ? std::string{row(*to).name} : "";
}

std::string table_row(const StateRow& facts) {
  std::string line = "|";
  for (const std::string& cell :
       {std::string{facts.name}, std::string{in_words(facts.action)}, code(facts.detail),
        edge(facts.state, Event::ok), edge(facts.state, Event::failed),
        edge(facts.state, Event::yes), std::string{row(facts.resume).name},
        std::string{row(facts.give_up).name}, std::string{in_words(facts.blame)},
        code(facts.record), code(facts.stop)}) {
    line += cell.empty() ? " |" : " " + cell + " |";
  }
  return line + "\n";
}

/// Hyphens are part of arrows in the diagram's language.
std::string node(State state) {
  std::string name{row(state).name};
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string arrow(State from, std::string_view style, State to) {
  return "  " + node(from) + " " + std::string{style} + " " + node(to) + "\n";
}

std::string diagram_edges(const StateRow& facts) {
  const auto ok = next(facts.state, Event::ok);
  const auto failed = next(facts.state, Event::failed);
  const auto yes = next(facts.state, Event::yes);
  std::string lines;
  if (ok) lines += arrow(facts.state, "-->", *ok);
  if (yes) lines += arrow(facts.state, "==>", *yes);
  if (failed && failed != ok) lines += arrow(facts.state, "-.->", *failed);
  return lines;
}

}  // namespace

std::string flow_page() {
  std::string page{kIntroduction};
  page += std::to_string(kMaxResumes);
  page += kIntroductionEnd;
  page += std::to_string(kMaxRollbackReboots);
  page += kStatesHead;
  for (const StateRow& facts : kStates)
    page += table_row(facts);
  page += kDiagramHead;
  for (const StateRow& facts : kStates)
    page += diagram_edges(facts);
  return page + "```\n";
}

}  // namespace patchbay::flow::testing
