#include "modules/encrypted/download.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "modules/encrypted/child.hpp"
#include "modules/encrypted/decryption.hpp"
#include "modules/encrypted/feed.hpp"
#include "modules/encrypted/incoming.hpp"
#include "modules/encrypted/plain_tree.hpp"
#include "sdk/zstd/stream.hpp"

namespace patchbay::encrypted {
namespace {

using module::Child;
using module::ChildProgram;
using module::Context;
using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

/// As the client's: between SIGTERM and SIGKILL.
constexpr std::chrono::seconds kGrace{10};
/// What the client stores of a file for a Plan.
constexpr std::uint64_t kShown = 64 * 1024;

Result<PlainFile> plain_file(const PlainFiles& files, const std::string& name) {
  const auto found = files.sizes.find(name);
  if (found != files.sizes.end()) return PlainFile{name, found->second, files.are_compressed};
  return Error{"meta-data: encrypted: sizes says nothing of the file " + name};
}

Result<Fd> create(const std::string& directory, const std::string& name) {
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    return Error::from_errno(errno, "make directory " + directory);
  const auto path = module::join_path(directory, name);
  Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file) return Error::from_errno(errno, "make " + path);
  return file;
}

/// One Download of the plain module, from its start to its end.
class Session {
 public:
  Session(const Context& context, std::string tree, Decryption decryption, PlainFiles files,
          Feed::Sizes tell, Watch& watch)
      : tree_{std::move(tree)},
        decryption_{std::move(decryption)},
        files_{std::move(files)},
        watch_{&watch},
        incoming_{context.tree(), watch},
        feed_{tree_, tell, watch} {}

  Status run(const PlainModule& plain, const std::string& call) {
    PATCHBAY_CHECK(feed_.open());
    PATCHBAY_TRY(auto child, start_watched({.path = plain.program,
                                            .arguments = {call, tree_},
                                            .working_directory = tree_,
                                            .others = ChildProgram::Others::pass}));
    watch_->module_runs(child.ended());
    auto status = serve(child);
    if (!status && !exit_) end(child);
    PATCHBAY_CHECK(feed_.remove());
    if (exit_ && !exit_->success()) end_like(*exit_);
    return status;
  }

 private:
  Status serve(Child& child) {
    auto asked = feed_.await_question();
    if (!asked && !watch_->module_ended()) return asked;
    if (asked) {
      PATCHBAY_CHECK(feed_files());
      PATCHBAY_CHECK(watch_->wait_for_module());
    }
    watch_->module_runs(-1);
    exit_ = child.reap();
    if (asked || !exit_->success()) return Done{};
    return store_files();
  }

  Status feed_files() {
    while (true) {
      PATCHBAY_TRY(const auto file, next());
      if (!file) return feed_.announce_end();
      PATCHBAY_TRY(to_, feed_.announce(file->name, file->size));
      PATCHBAY_CHECK(decrypt(decryption_, *file, from_.get(), to_.get(), *watch_));
      PATCHBAY_CHECK(feed_.finish(file->name));
      to_.reset();
      from_.reset();
      PATCHBAY_CHECK(feed_.await_question());
    }
  }

  /// For a module that wants files: none of them is stored as it came.
  Status store_files() {
    while (true) {
      PATCHBAY_TRY(const auto file, next());
      if (!file) return Done{};
      PATCHBAY_CHECK(module::require_free_space(tree_, file->size, 1).context(file->name));
      PATCHBAY_TRY(to_, create(module::join_path(tree_, "files"), file->name));
      PATCHBAY_CHECK(decrypt(decryption_, *file, from_.get(), to_.get(), *watch_));
      from_.reset();
    }
  }

  /// What it will be; its ciphertext is at from_.
  Result<std::optional<PlainFile>> next() {
    PATCHBAY_TRY(auto file, incoming_.next());
    if (!file && seen_ != files_.sizes.size())
      return Error{"the payload has " + std::to_string(seen_) +
                   " files, and meta-data the sizes of " + std::to_string(files_.sizes.size())};
    if (!file) return {std::nullopt};
    ++seen_;
    from_ = std::move(file->content);
    PATCHBAY_TRY(auto plain, plain_file(files_, file->name));
    return {std::move(plain)};
  }

  /// After a failure. The module's stream is still open, so that it cannot take this for the end.
  void end(Child& child) {
    if (watch_->stopped()) {
      // The client ends the whole group, and by force if this should take too long.
      ::kill(child.pid(), SIGTERM);
      child.reap();
      exit_ = {module::ProgramExit::Kind::signal, SIGTERM, {}};
      return;
    }
    if (!watch_->module_ended()) {
      // SIGTERM is blocked here; what the module has started is to get it as well.
      ::kill(::getpgrp() == ::getpid() ? 0 : child.pid(), SIGTERM);
      pollfd ended{child.ended(), POLLIN, 0};
      if (::poll(&ended, 1, std::chrono::milliseconds{kGrace}.count()) == 0)
        ::kill(child.pid(), SIGKILL);
      child.reap();
      return;
    }
    exit_ = child.reap();
  }

  std::string tree_;
  Decryption decryption_;
  PlainFiles files_;
  Watch* watch_;
  Incoming incoming_;
  Feed feed_;
  Fd from_, to_;  ///< of the file on its way
  std::size_t seen_ = 0;
  std::optional<module::ProgramExit> exit_;  ///< the module's, where this process ends like it
};

Result<Decryption> decryption_of(const Settings& settings) {
  PATCHBAY_TRY(auto program, check_decryption(settings));
  return Decryption{std::move(program), {settings.decrypt.begin() + 1, settings.decrypt.end()}};
}

Status show_file(const module::PayloadFile& stored, const PlainFile& file,
                 const std::string& directory, const Decryption& decryption, Watch& watch) {
  PATCHBAY_TRY(const auto to, create(directory, file.name));
  if (stored.size > kShown) {
    if (::ftruncate(to.get(), static_cast<off_t>(file.size)) == 0) return Done{};
    return Error::from_errno(errno, "make " + file.name);
  }
  const Fd from{::open(stored.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!from) return Error::from_errno(errno, "open " + stored.path);
  return decrypt(decryption, file, from.get(), to.get(), watch);
}

}  // namespace

Status download(const std::string& call, const Context& context, const PlainModule& plain) {
  PATCHBAY_TRY(auto decryption, decryption_of(plain.settings));
  PATCHBAY_TRY(auto files, plain_files(context));
  if (files.are_compressed) PATCHBAY_CHECK(zstd::Stream::load());
  const auto tree = plain_tree_path(context);
  PATCHBAY_CHECK(make_plain_tree(context, plain.type, tree));
  PATCHBAY_TRY(auto watch, Watch::create());
  const auto tell = call == "Download" ? Feed::Sizes::leave_out : Feed::Sizes::tell;
  Session session{context, tree, std::move(decryption), std::move(files), tell, watch};
  PATCHBAY_CHECK(session.run(plain, call));
  return sync_tree(tree);
}

Status show_files(const Context& context, const PlainModule& plain, const std::string& tree) {
  PATCHBAY_TRY(const auto decryption, decryption_of(plain.settings));
  PATCHBAY_TRY(const auto files, plain_files(context));
  PATCHBAY_TRY(auto watch, Watch::create());
  PATCHBAY_TRY(const auto stored, context.payload_files());
  for (const auto& file : stored) {
    PATCHBAY_TRY(const auto as_plain, plain_file(files, file.name));
    PATCHBAY_CHECK(show_file(file, as_plain, module::join_path(tree, "files"), decryption, watch));
  }
  return Done{};
}

}  // namespace patchbay::encrypted
