#include "core/store/store.hpp"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/base/unique_fd.hpp"
#include "core/store/database_file.hpp"

namespace patchbay::store {
namespace {

constexpr std::string_view kFileName = "mender-store";  // its lock is "mender-store-lock"
constexpr mode_t kFileMode = 0600;

struct EnvironmentCloser {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
};
struct TransactionAborter {
  void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
using Environment = std::unique_ptr<MDB_env, EnvironmentCloser>;
using LmdbTransaction = std::unique_ptr<MDB_txn, TransactionAborter>;

/// LMDB returns errno values as they are and its own codes as negative numbers.
Error lmdb_error(int code, const std::string& what) {
  if (code == MDB_MAP_FULL) {
    return {ErrorCode::no_space,
            what + ": more than " + std::to_string(kMaxBytes >> 20U) + " MiB do not fit"};
  }
  if (code > 0) return Error::from_errno(code, what);
  return {code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND
              ? ErrorCode::integrity
              : ErrorCode::io,
          what + ": " + mdb_strerror(code)};
}

std::string how_to_go_on(const std::string& path) {
  return "; it has been left as it is. It says what is installed and whether an update is pending. "
         "To go on without it, move it away: mv " +
         path + " " + path + ".damaged (the installed artifact is then unknown)";
}

Error unusable(const Error& error, const std::string& path) {
  if (error.code() == ErrorCode::integrity || error.code() == ErrorCode::unsupported)
    return {error.code(), error.message() + how_to_go_on(path)};
  return error;
}

struct Found {
  bool file = false;               ///< which LMDB can be let at, unless it is
  std::optional<Entries> foreign;  ///< one that only programs with words of another size can use
};

Result<Found> inspect(const std::string& path) {
  // O_NONBLOCK: a FIFO of that name must not hold us up.
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd && errno == ENOENT) return Found{};
  if (!fd) return Error::from_errno(errno, path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, path);
  if (!S_ISREG(info.st_mode)) {
    return unusable({ErrorCode::integrity,
                     path + (S_ISDIR(info.st_mode) ? " is a directory" : " is not a regular file")},
                    path);
  }
  if (info.st_size == 0)
    return unusable({ErrorCode::integrity, path + ": damaged: the file is empty"}, path);
  auto foreign = read_foreign_database(fd.get(), path);
  if (!foreign) return unusable(foreign.error(), path);
  if (*foreign) return Found{true, *std::move(foreign)};
  if (auto status = check_database(fd.get(), path); !status) return unusable(status.error(), path);
  return Found{true, std::nullopt};
}

/// LMDB writes to its lock file through a mapping, where a full file system is no error that can be
/// returned, but the end of the process (SIGBUS). So its blocks are asked for before that.
Status reserve_lock_file(const std::string& path) {
  constexpr off_t kSize = 8192;  // LMDB's own, for the default of 126 readers
  const std::string lock = path + "-lock";
  const UniqueFd fd{::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode)};
  if (!fd) return Done{};  // LMDB tries the same, and knows what can be done without
  if (::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, kSize) == 0 || errno != ENOSPC) return Done{};
  return Error::from_errno(ENOSPC, "write " + lock);
}

Result<Environment> open_environment(const std::string& path, unsigned flags) {
  if ((flags & MDB_NOLOCK) == 0) {
    if (auto reserved = reserve_lock_file(path); !reserved) {
      if ((flags & MDB_RDONLY) == 0) return std::move(reserved).error();
      flags |= MDB_NOLOCK;  // nobody can be writing then, so that looking needs no lock
    }
  }
  MDB_env* raw = nullptr;
  if (const int code = mdb_env_create(&raw); code != 0) return lmdb_error(code, path);
  Environment env{raw};
  int code = mdb_env_set_mapsize(env.get(), kMaxBytes);
  if (code == 0) code = mdb_env_open(env.get(), path.c_str(), MDB_NOSUBDIR | flags, kFileMode);
  if (code != 0) return lmdb_error(code, "open " + path);
  return env;
}

Status sync_directory(const std::string& directory) {
  const UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd || ::fsync(fd.get()) != 0) return Error::from_errno(errno, "sync " + directory);
  return Done{};
}

Status put_in_place(const std::string& fresh, const std::string& path, bool replace) {
  int code = replace
                 ? ::rename(fresh.c_str(), path.c_str())
                 : ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
  if (code != 0 && errno == EINVAL)  // a file system without it
    code = ::rename(fresh.c_str(), path.c_str());
  if (code != 0 && errno == EEXIST) code = ::unlink(fresh.c_str());  // somebody else was faster
  return code == 0 ? Status{Done{}} : Error::from_errno(errno, "create " + path);
}

Result<LmdbTransaction> begin(MDB_env* env, unsigned flags, const std::string& path) {
  MDB_txn* raw = nullptr;
  if (const int code = mdb_txn_begin(env, nullptr, flags, &raw); code != 0)
    return lmdb_error(code, "read " + path);
  return LmdbTransaction{raw};
}

/// LMDB reports a write that a full file system cut short as EIO, like a broken disk.
bool is_full(const std::string& path, std::size_t needed) {
  struct statvfs info {};
  return ::statvfs(path.c_str(), &info) == 0 && info.f_bavail * info.f_frsize < needed;
}

std::size_t size_of(const Transaction& transaction) {
  constexpr std::size_t kPagesCopied = 16 * 4096;  // tree and free-list pages along the way
  std::size_t bytes = kPagesCopied;
  for (const auto& [key, value] : transaction.changes())
    bytes += key.size() + (value ? value->size() : 0);
  return bytes;
}

MDB_val as_value(std::string_view text) {
  // LMDB's interface is without const; it does not write through this.
  return {text.size(), const_cast<char*>(text.data())};
}

}  // namespace

struct Store::State {
  std::string path;
  std::optional<Entries> foreign;  // read only: all there is, and no env
  Environment env;                 // none: a missing file, read only
  LmdbTransaction snapshot;        // read only: the one transaction that all reads use
  MDB_dbi database = 0;

  Status open(unsigned flags);
  [[nodiscard]] int apply(const Transaction& transaction) const;
  static Status create(const std::string& directory, const std::string& path,
                       const std::optional<Entries>& foreign);
  static Status fill(const std::string& fresh, const std::optional<Entries>& content);
};

Status Store::State::open(unsigned flags) {
  PB_TRY(env, open_environment(path, flags | MDB_NOTLS | MDB_NORDAHEAD));
  PB_TRY(auto transaction, begin(env.get(), MDB_RDONLY, path));
  if (const int code = mdb_dbi_open(transaction.get(), nullptr, 0, &database); code != 0)
    return lmdb_error(code, "open " + path);
  if ((flags & MDB_RDONLY) != 0) snapshot = std::move(transaction);
  return Done{};
}

Transaction& Transaction::put(std::string_view key, std::string value) {
  changes_.emplace_back(key, std::move(value));
  return *this;
}

Transaction& Transaction::erase(std::string_view key) {
  changes_.emplace_back(key, std::nullopt);
  return *this;
}

Store::Store(std::unique_ptr<State> state) : state_{std::move(state)} {
}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::string& directory, Access access) {
  auto state = std::make_unique<State>();
  state->path = directory + "/" + std::string{kFileName};
  PB_TRY(Found found, inspect(state->path));
  if (access == Access::read_only && (!found.file || found.foreign)) {
    state->foreign = std::move(found.foreign);
    return Store{std::move(state)};
  }
  if (!found.file || found.foreign) PB_CHECK(State::create(directory, state->path, found.foreign));
  PB_CHECK(state->open(access == Access::read_only ? MDB_RDONLY : 0U));
  return Store{std::move(state)};
}

Result<std::optional<std::string>> Store::read(std::string_view key) const {
  using Value = std::optional<std::string>;
  if (state_->foreign) {
    const auto found = state_->foreign->find(std::string{key});
    return found == state_->foreign->end() ? Value{} : Value{found->second};
  }
  if (!state_->env) return Value{};
  LmdbTransaction own;
  MDB_txn* transaction = state_->snapshot.get();
  if (transaction == nullptr) {
    PB_TRY(own, begin(state_->env.get(), MDB_RDONLY, state_->path));
    transaction = own.get();
  }
  MDB_val name = as_value(key);
  MDB_val value{};
  const int code = mdb_get(transaction, state_->database, &name, &value);
  if (code == MDB_NOTFOUND) return Value{};
  if (code != 0) return lmdb_error(code, "read " + std::string{key} + " of " + state_->path);
  return Value{std::string{static_cast<const char*>(value.mv_data), value.mv_size}};
}

int Store::State::apply(const Transaction& transaction) const {
  MDB_txn* raw = nullptr;
  if (const int code = mdb_txn_begin(env.get(), nullptr, 0, &raw); code != 0) return code;
  LmdbTransaction pending{raw};
  for (const auto& [key, value] : transaction.changes()) {
    MDB_val name = as_value(key);
    MDB_val content = as_value(value ? std::string_view{*value} : std::string_view{});
    const int code =
        value ? mdb_put(raw, database, &name, &content, 0) : mdb_del(raw, database, &name, nullptr);
    if (code != 0 && !(code == MDB_NOTFOUND && !value)) return code;
  }
  return mdb_txn_commit(pending.release());  // frees the transaction, also when it fails
}

Status Store::State::fill(const std::string& fresh, const std::optional<Entries>& content) {
  Transaction entries;
  if (content) {
    for (const auto& [key, value] : *content)
      entries.put(key, value);
  }
  State state;
  state.path = fresh;
  PB_CHECK(state.open(MDB_NOLOCK));
  int code = content ? state.apply(entries) : 0;
  if (code == 0) code = mdb_env_sync(state.env.get(), 1);
  if (code == EIO && is_full(fresh, size_of(entries))) code = ENOSPC;
  return code == 0 ? Status{Done{}} : Status{lmdb_error(code, "write " + fresh)};
}

/// Makes the database under another name first: LMDB itself would leave an empty file behind if the
/// power went between creating and filling it. One that only others can read is replaced by its
/// like, whole or not at all.
Status Store::State::create(const std::string& directory, const std::string& path,
                            const std::optional<Entries>& foreign) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  auto status = fill(fresh, foreign);
  if (status) status = put_in_place(fresh, path, foreign.has_value());
  if (!status) ::unlink(fresh.c_str());
  PB_CHECK(std::move(status));
  return sync_directory(directory);
}

Status Store::commit(const Transaction& transaction) {
  if (transaction.changes().empty()) return Done{};
  if (!state_->env || state_->snapshot)
    return Error{ErrorCode::internal, state_->path + " is open for reading only"};
  int code = state_->apply(transaction);
  if (code == MDB_PANIC) {
    // An earlier write of a meta page failed; LMDB refuses to go on with this handle for ever.
    state_->env.reset();
    PB_CHECK(inspect(state_->path));
    PB_CHECK(state_->open(0));
    code = state_->apply(transaction);
  }
  if (code == EIO && is_full(state_->path, size_of(transaction))) code = ENOSPC;
  if (code != 0) return lmdb_error(code, "write " + state_->path);
  return Done{};
}

}  // namespace patchbay::store
