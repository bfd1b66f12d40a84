#include "core/store/database_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace patchbay::store {
namespace {

// The layout of LMDB's format 1 (mdb.c, MDB_page, MDB_meta, MDB_db, MDB_node). Numbers have the
// size and byte order of the program that has written it; Word is that size.
template <typename Word>
struct PageHeader {
  Word number;
  std::uint16_t pad;
  std::uint16_t flags;
  std::uint16_t lower;  // end of the table of offsets; of an overflow page, with upper, its length
  std::uint16_t upper;  // start of the nodes
};
template <typename Word>
struct Tree {
  std::uint32_t pad;  // page size in the first tree of a meta page
  std::uint16_t flags;
  std::uint16_t depth;
  Word branch_pages, leaf_pages, overflow_pages;
  Word entries;
  Word root;
};
template <typename Word>
struct Meta {
  std::uint32_t magic;
  std::uint32_t version;
  Word address;
  Word map_size;
  std::array<Tree<Word>, 2> trees;  // free pages, entries
  Word last_page;
  Word transaction;
};
struct NodeHeader {
  std::uint16_t low, high;  // data size; of a branch the lower half of the child's page number
  std::uint16_t flags;      // of a branch its upper half
  std::uint16_t key_size;
};

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMetaPage = 0x08;
constexpr std::uint16_t kPageKind = 0xFF;
constexpr std::uint16_t kBigData = 0x01;
constexpr std::uint16_t kIntegerKey = 0x08;
constexpr std::uint16_t kTreeKinds = 0x7E;  // reversed, duplicate or integer keys
constexpr std::uint16_t kMaxDepth = 32;     // LMDB's own limit (CURSOR_STACK)
constexpr std::size_t kMaxKey = 511;

enum class Kind : std::uint8_t { free_pages, entries };

using Bytes = std::vector<std::byte>;

template <typename T>
T load(const Bytes& page, std::size_t offset) {
  T value;
  std::memcpy(&value, page.data() + offset, sizeof value);
  return value;
}

template <typename Word>
std::uint32_t overflow_length(const PageHeader<Word>& header) {
  std::uint32_t pages = 0;
  std::memcpy(&pages, &header.lower, sizeof header.lower);
  std::memcpy(reinterpret_cast<std::byte*>(&pages) + sizeof header.lower, &header.upper,
              sizeof header.upper);
  return pages;
}

std::string text(const Bytes& bytes, std::size_t offset, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes.data()) + offset, size};
}

Error damaged(const std::string& what) {
  return {ErrorCode::integrity, "damaged: " + what};
}

/// Reads the database of a program with this Word, with every number checked.
template <typename Word>
class Reader {
 public:
  static constexpr std::size_t kPageHeaderBytes = sizeof(PageHeader<Word>);

  explicit Reader(int fd) : fd_{fd} {}

  /// The newest meta page, chosen as LMDB chooses it.
  Result<Meta<Word>> newest_meta();
  /// Everything there is; with `entries`, what the entries are.
  Status read_all(const Meta<Word>& meta, Entries* entries);

 private:
  static constexpr Word kNoPage = ~Word{0};

  Result<Meta<Word>> read_meta(std::size_t offset);
  Result<Bytes> read(Word page, std::size_t count);
  Status read_tree(const Tree<Word>& tree, Kind kind);
  Status read_page(Word number, unsigned levels_below, Kind kind);
  Status read_leaf_node(const Bytes& page, std::size_t offset, Kind kind);
  Result<Bytes> read_overflow(Word number, std::size_t size);
  Status check_free_list(const Bytes& list) const;

  int fd_;
  Entries* entries_ = nullptr;
  std::size_t page_size_ = 0;
  Word last_page_ = 0;
  std::size_t pages_left_ = 0;  // how many more pages the trees may have: ends every cycle
};

Result<Bytes> read_exactly(int fd, std::uint64_t offset, std::size_t size) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(errno, "read");
    if (n == 0) return damaged("it ends too early, at byte " + std::to_string(offset + done));
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

template <typename Word>
Result<Meta<Word>> Reader<Word>::read_meta(std::size_t offset) {
  PB_TRY(const auto page, read_exactly(fd_, offset, kPageHeaderBytes + sizeof(Meta<Word>)));
  const auto header = load<PageHeader<Word>>(page, 0);
  const Meta<Word> meta = load<Meta<Word>>(page, kPageHeaderBytes);
  if ((header.flags & kPageKind) != kMetaPage || meta.magic != kMagic)
    return damaged("it is not an LMDB file");
  if (meta.version != kVersion) {
    return Error{ErrorCode::unsupported,
                 "it has LMDB format " + std::to_string(meta.version) + ", supported is 1"};
  }
  return meta;
}

template <typename Word>
Result<Meta<Word>> Reader<Word>::newest_meta() {
  PB_TRY(const Meta<Word> first, read_meta(0));
  page_size_ = first.trees[0].pad;
  if (page_size_ < 512 || page_size_ > 64 * 1024 || (page_size_ & (page_size_ - 1)) != 0)
    return damaged("impossible page size " + std::to_string(page_size_));
  PB_TRY(const Meta<Word> second, read_meta(page_size_));
  if (second.trees[0].pad != page_size_) return damaged("its two meta pages disagree");
  return second.transaction > first.transaction ? second : first;
}

template <typename Word>
Status Reader<Word>::read_all(const Meta<Word>& meta, Entries* entries) {
  entries_ = entries;
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << (sizeof(std::size_t) > 4 ? 40U : 31U);
  last_page_ = meta.last_page;
  if (last_page_ < 1 || last_page_ >= kMostBytes / page_size_)
    return damaged("impossible page count " + std::to_string(last_page_));
  pages_left_ = static_cast<std::size_t>(last_page_) + 1;
  PB_CHECK(read_tree(meta.trees[0], Kind::free_pages).context("list of free pages"));
  PB_CHECK(read_tree(meta.trees[1], Kind::entries).context("entries"));
  // LMDB maps the whole of what it counts; a file cut off in free pages alone is no danger.
  PB_CHECK(read_exactly(fd_, page_size_, page_size_));
  return Done{};
}

template <typename Word>
Status Reader<Word>::read_tree(const Tree<Word>& tree, Kind kind) {
  const std::uint16_t wanted = kind == Kind::free_pages ? kIntegerKey : std::uint16_t{0};
  if ((tree.flags & kTreeKinds) != wanted)
    return Error{ErrorCode::unsupported, "tree with flags " + std::to_string(tree.flags)};
  if (tree.root == kNoPage) return Done{};
  if (tree.depth < 1 || tree.depth > kMaxDepth)
    return damaged("impossible depth " + std::to_string(tree.depth));
  return read_page(tree.root, tree.depth - 1U, kind);
}

template <typename Word>
Result<Bytes> Reader<Word>::read(Word page, std::size_t count) {
  if (page < 2 || page > last_page_ || count > last_page_ - page + 1)
    return damaged("page number " + std::to_string(page) + " out of range");
  if (count > pages_left_) return damaged("pages refer to each other in a circle");
  pages_left_ -= count;
  return read_exactly(fd_, std::uint64_t{page} * page_size_, count * page_size_);
}

// Recursion is bounded by the depth, which is at most kMaxDepth.
template <typename Word>
Status Reader<Word>::read_page(Word number, unsigned levels_below, Kind kind) {
  PB_TRY(const auto page, read(number, 1));
  const auto header = load<PageHeader<Word>>(page, 0);
  const std::string name = "page " + std::to_string(number);
  if (header.number != number || (header.flags & kPageKind) != (levels_below > 0 ? kBranch : kLeaf))
    return damaged(name + " is not what refers to it says");
  if (header.lower < kPageHeaderBytes || header.lower > header.upper || header.upper > page_size_)
    return damaged(name + " has an impossible size");
  const std::size_t nodes = (header.lower - kPageHeaderBytes) / 2;
  // LMDB asserts that a branch has two children, except among its free pages.
  if (nodes < (levels_below > 0 && kind == Kind::entries ? 2U : 1U))
    return damaged(name + " has too few entries");

  for (std::size_t i = 0; i < nodes; ++i) {
    const std::size_t offset = load<std::uint16_t>(page, kPageHeaderBytes + 2 * i);
    if (offset < header.upper || offset + sizeof(NodeHeader) > page_size_ || offset % 2 != 0)
      return damaged(name + " has an entry outside of itself");
    const auto node = load<NodeHeader>(page, offset);
    if (node.key_size > kMaxKey || offset + sizeof node + node.key_size > page_size_)
      return damaged(name + " has a key outside of itself");
    if (levels_below == 0) {
      PB_CHECK(read_leaf_node(page, offset, kind).context(name));
      continue;
    }
    Word child = node.low | Word{node.high} << 16U;
    if constexpr (sizeof(Word) > 4) child |= Word{node.flags} << 32U;
    PB_CHECK(read_page(child, levels_below - 1, kind));
  }
  return Done{};
}

template <typename Word>
Status Reader<Word>::read_leaf_node(const Bytes& page, std::size_t offset, Kind kind) {
  const auto node = load<NodeHeader>(page, offset);
  const std::size_t size = node.low | std::size_t{node.high} << 16U;
  const std::size_t data = offset + sizeof node + node.key_size;
  if ((node.flags & ~kBigData) != 0)
    return Error{ErrorCode::unsupported, "entry with flags " + std::to_string(node.flags)};
  if (kind == Kind::free_pages && node.key_size != sizeof(Word))
    return damaged("a key of the list of free pages has a wrong size");

  Bytes value;
  if ((node.flags & kBigData) != 0) {
    if (data + sizeof(Word) > page_size_) return damaged("an entry is cut off");
    PB_TRY(value, read_overflow(load<Word>(page, data), size));
  } else {
    if (data + size > page_size_) return damaged("a value is outside of its page");
    value.assign(page.begin() + static_cast<std::ptrdiff_t>(data),
                 page.begin() + static_cast<std::ptrdiff_t>(data + size));
  }
  if (kind == Kind::free_pages) return check_free_list(value);
  if (entries_ != nullptr)
    (*entries_)[text(page, data - node.key_size, node.key_size)] = text(value, 0, size);
  return Done{};
}

template <typename Word>
Result<Bytes> Reader<Word>::read_overflow(Word number, std::size_t size) {
  const std::size_t count = (kPageHeaderBytes + size + page_size_ - 1) / page_size_;
  PB_TRY(auto pages, read(number, count));
  const auto header = load<PageHeader<Word>>(pages, 0);
  if (header.number != number || (header.flags & kPageKind) != kOverflow ||
      overflow_length(header) < count)
    return damaged("page " + std::to_string(number) + " does not hold the value it should");
  pages.erase(pages.begin(), pages.begin() + kPageHeaderBytes);
  pages.resize(size);
  return pages;
}

template <typename Word>
Status Reader<Word>::check_free_list(const Bytes& list) const {
  constexpr std::size_t kWord = sizeof(Word);
  if (list.size() < kWord) return damaged("a list of free pages is cut off");
  const auto count = load<Word>(list, 0);
  if (count > list.size() / kWord - 1) return damaged("a list of free pages is too short");
  Word above = last_page_ + 1;
  for (std::size_t i = 1; i <= count; ++i) {
    const auto page = load<Word>(list, i * kWord);
    if (page < 2 || page >= above) return damaged("a list of free pages is out of order");
    above = page;
  }
  return Done{};
}

using Own = std::conditional_t<sizeof(std::size_t) == 8, std::uint64_t, std::uint32_t>;
using Foreign = std::conditional_t<sizeof(std::size_t) == 8, std::uint32_t, std::uint64_t>;

template <typename Word>
Status read_once(int fd, Entries* entries, std::optional<Word>& transaction) {
  Reader<Word> reader{fd};
  PB_TRY(const Meta<Word> meta, reader.newest_meta());
  transaction = meta.transaction;
  return reader.read_all(meta, entries);
}

/// Pages of a state that was current when its meta page was read are written over only after a
/// newer meta page is in place. So a failure counts only if the meta page is still the same.
template <typename Word>
Status read_all(int fd, Entries* entries) {
  std::optional<Word> before;
  for (;;) {
    std::optional<Word> now;
    auto status = read_once(fd, entries, now);
    if (status || now == before) return status;
    before = now;
  }
}

}  // namespace

Status check_database(int fd, const std::string& path) {
  return read_all<Own>(fd, nullptr).context(path);
}

Result<std::optional<Entries>> read_foreign_database(int fd, const std::string& path) {
  // With the shorter words, the version is where with the longer ones the magic number is.
  constexpr std::size_t kStart = sizeof(PageHeader<Foreign>);
  const auto start = read_exactly(fd, 0, kStart + sizeof kMagic);
  if (!start || load<std::uint32_t>(*start, kStart) != kMagic) return std::optional<Entries>{};
  Entries entries;
  PB_CHECK(read_all<Foreign>(fd, &entries).context(path));
  return std::optional{std::move(entries)};
}

}  // namespace patchbay::store
