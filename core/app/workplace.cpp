#include "core/app/workplace.hpp"

namespace patchbay::app {

Result<std::unique_ptr<Workplace>> Workplace::open(const Session& session, flow::Consent* server) {
  PB_TRY(os::FileLock lock, session.device.lock(session.options.command));
  PB_TRY(store::Store store, session.device.open_store(store::Access::read_write));
  return std::unique_ptr<Workplace>{
      new Workplace{session, std::move(lock), std::move(store), server}};
}

Workplace::Workplace(const Session& session, os::FileLock lock, store::Store store,
                     flow::Consent* server)
    : lock_{std::move(lock)},
      store_{std::move(store)},
      log_{session.device.log_directory(), session.log},
      console_{session.options.json ? Console::Style::quiet : Console::style_of_stderr(), log_},
      consent_{session.options, session.device, server},
      updater_{store_, session.device.settings(), log_, console_, &consent_} {
}

}  // namespace patchbay::app
