#include "core/host/plugin_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/os/elf_machine.hpp"
#include "core/os/file.hpp"
#include "patchbay/module.h"

namespace patchbay::host {
namespace {

constexpr const char* kSymbol = "pb_plugin_v1";
constexpr std::uint64_t kMostBytes = 256 * kMiB;
constexpr std::size_t kMostSignature = 64 * kKiB;

using FileHeader = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Segment = ElfW(Phdr);
using Symbol = ElfW(Sym);

/// The plain data: everything before the first function.
constexpr std::size_t kFactBytes = offsetof(pb_plugin_t, create);

Error damaged(const std::string& what) {
  return Error{ErrorCode::invalid_input, "a damaged shared object: " + what};
}

Error not_a_plugin(const std::string& what) {
  return Error{ErrorCode::unsupported, what};
}

/// Tables of an ELF file; every access is checked against its end.
class ElfView {
 public:
  explicit ElfView(ByteSpan file) : file_{file} {}

  template <typename Record>
  [[nodiscard]] Result<Record> at(std::uint64_t offset) const {
    if (offset > file_.size() || file_.size() - offset < sizeof(Record)) {
      return damaged("a table lies behind its end");
    }
    Record record;
    std::memcpy(&record, file_.data() + offset, sizeof record);
    return record;
  }

  [[nodiscard]] bool holds(std::uint64_t offset, std::string_view text) const {
    const auto all = as_text(file_);
    // With the NUL that ends it.
    if (offset >= all.size()) return false;
    const auto from = all.substr(in_memory(offset));
    return from.starts_with(text) && from.substr(text.size()).starts_with('\0');
  }

 private:
  ByteSpan file_;
};

Status check_machine(const FileHeader& header, ByteSpan file) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return not_a_plugin("no shared object");
  if (const auto machine = os::foreign_machine(as_text(file))) {
    return not_a_plugin("it was built for " + *machine + ", and this machine is " +
                        os::this_machine() + "; build it for this machine");
  }
  if (header.e_type != ET_DYN) return not_a_plugin("no shared object but another kind of ELF file");
  if (header.e_shentsize != sizeof(Section) || header.e_phentsize != sizeof(Segment)) {
    return damaged("unknown sizes of its tables");
  }
  return Done{};
}

/// Where the bytes at `address` lie in the file.
Result<std::uint64_t> file_offset(const ElfView& elf, const FileHeader& header,
                                  std::uint64_t address) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    PB_TRY(const auto segment, elf.at<Segment>(header.e_phoff + i * sizeof(Segment)));
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz) {
      return address - segment.p_vaddr + segment.p_offset;
    }
  }
  return damaged("pb_plugin_v1 lies outside of it");
}

Result<std::optional<Symbol>> find_in(const ElfView& elf, const FileHeader& header,
                                      const Section& symbols) {
  if (symbols.sh_link >= header.e_shnum) return damaged("symbols without names");
  PB_TRY(const auto names,
         elf.at<Section>(header.e_shoff + std::uint64_t{symbols.sh_link} * sizeof(Section)));
  for (std::uint64_t i = 0; i < symbols.sh_size / sizeof(Symbol); ++i) {
    PB_TRY(const auto symbol, elf.at<Symbol>(symbols.sh_offset + i * sizeof(Symbol)));
    if (symbol.st_shndx != SHN_UNDEF && elf.holds(names.sh_offset + symbol.st_name, kSymbol)) {
      return std::optional{symbol};
    }
  }
  return std::optional<Symbol>{};
}

Result<Symbol> find_symbol(const ElfView& elf, const FileHeader& header) {
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    PB_TRY(const auto section, elf.at<Section>(header.e_shoff + i * sizeof(Section)));
    if (section.sh_type != SHT_DYNSYM) continue;
    PB_TRY(const auto symbol, find_in(elf, header, section));
    if (symbol) return *symbol;
  }
  return not_a_plugin(std::string{"it does not export "} + kSymbol +
                      "; define that as patchbay/module.h declares it, or end a class in C++ with "
                      "PATCHBAY_PLUGIN");
}

template <std::size_t Size>
std::string text_of(const char (&field)[Size]) {
  return {field, ::strnlen(field, Size)};
}

template <std::size_t Size>
std::vector<std::string> lines_of(const char (&field)[Size]) {
  std::vector<std::string> lines;
  std::string rest = text_of(field);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end != 0) lines.push_back(rest.substr(0, end));
    rest.erase(0, end == std::string::npos ? end : end + 1);
  }
  return lines;
}

PluginFacts facts_of(const pb_plugin_t& plugin) {
  PluginFacts facts;
  facts.interface_major = plugin.interface_major;
  facts.interface_minor = plugin.interface_minor;
  facts.needs_minor = plugin.needs_minor;
  facts.capabilities = plugin.capabilities;
  facts.payload_types = lines_of(plugin.payload_types);
  facts.version = text_of(plugin.version);
  facts.description = text_of(plugin.description);
  facts.writes = lines_of(plugin.writes);
  return facts;
}

std::string quoted(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      json += "\\u00";
      json += kHex[byte >> 4];
      json += kHex[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + '"';
}

std::string_view reboot_word(std::uint64_t capabilities) {
  if ((capabilities & PB_CAPABILITY_REBOOT_ALWAYS) != 0) return "always";
  return (capabilities & PB_CAPABILITY_REBOOT_MAYBE) != 0 ? "maybe" : "never";
}

std::string version_text(unsigned major, unsigned minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

Status check_owner(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return Error::from_errno(errno, "stat");
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::denied, "not a regular file"};
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error{ErrorCode::denied, "it belongs to user " + std::to_string(status.st_uid) +
                                        ", who could put anything there; chown it to root"};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{ErrorCode::denied, "it can be written by others than its owner; chmod go-w it"};
  }
  return Done{};
}

/// A file as memory, for reading.
class Mapping {
 public:
  static Result<Mapping> of(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return Error::from_errno(errno, "stat");
    const auto size = in_memory(static_cast<std::uint64_t>(status.st_size));
    if (size == 0) return not_a_plugin("an empty file");
    if (size > kMostBytes) return not_a_plugin("larger than " + human_size(kMostBytes));
    void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) return Error::from_errno(errno, "read it");
    return Mapping{bytes, size};
  }
  Mapping(Mapping&& other) noexcept
      : bytes_{std::exchange(other.bytes_, nullptr)}, size_{other.size_} {}
  Mapping& operator=(Mapping&&) = delete;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (bytes_ != nullptr) ::munmap(bytes_, size_);
  }
  [[nodiscard]] ByteSpan bytes() const { return {static_cast<const std::byte*>(bytes_), size_}; }

 private:
  Mapping(void* bytes, std::size_t size) : bytes_{bytes}, size_{size} {}
  void* bytes_;
  std::size_t size_;
};

/// The same bytes where nobody, not even root, can change them any more.
Result<UniqueFd> sealed_copy(ByteSpan bytes) {
  UniqueFd copy{::memfd_create("plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!copy) return Error::from_errno(errno, "make a copy in memory");
  PB_CHECK(os::write_all(copy.get(), bytes));
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(copy.get(), F_ADD_SEALS, kSeals) != 0) return Error::from_errno(errno, "seal a copy");
  return copy;
}

Status check_signature(const std::string& path, ByteSpan bytes, const PluginVerifier& verify) {
  const std::string file = path + ".sig";
  if (!os::exists(file)) {
    return Error{ErrorCode::integrity,
                 "it is not signed: Patchbay.PluginVerifyKeys has keys, and there is no " + file};
  }
  PB_TRY(const std::string signature, os::read_file(file, kMostSignature));
  return verify(bytes, signature).context("its signature " + file);
}

Result<CheckedPlugin> check_plugin(const std::string& path, UniqueFd fd,
                                   const PluginVerifier& verify) {
  PB_CHECK(check_owner(fd.get()));
  if (verify) {
    PB_TRY(const auto original, Mapping::of(fd.get()));
    PB_TRY(fd, sealed_copy(original.bytes()));
  }
  PB_TRY(const auto content, Mapping::of(fd.get()));
  if (verify) PB_CHECK(check_signature(path, content.bytes(), verify));
  PB_TRY(auto facts, read_plugin_facts(content.bytes()));
  return CheckedPlugin{std::move(fd), std::move(facts)};
}

}  // namespace

Result<PluginFacts> read_plugin_facts(ByteSpan file) {
  const ElfView elf{file};
  if (file.size() < sizeof(FileHeader)) return not_a_plugin("no shared object");
  PB_TRY(const auto header, elf.at<FileHeader>(0));
  PB_CHECK(check_machine(header, file));
  PB_TRY(const auto symbol, find_symbol(elf, header));
  PB_TRY(const auto offset, file_offset(elf, header, symbol.st_value));
  struct Facts {
    std::array<std::byte, kFactBytes> bytes;
  };
  PB_TRY(const auto facts, elf.at<Facts>(offset));
  pb_plugin_t plugin{};
  std::memcpy(&plugin, facts.bytes.data(), facts.bytes.size());
  if (plugin.size < kFactBytes) return damaged("pb_plugin_v1 says that it is too short");
  return facts_of(plugin);
}

Status check_plugin_facts(const PluginFacts& facts, const std::string& type) {
  const std::string theirs = version_text(facts.interface_major, facts.interface_minor);
  const std::string ours = version_text(PB_INTERFACE_MAJOR, PB_INTERFACE_MINOR);
  if (facts.interface_major != PB_INTERFACE_MAJOR) {
    return Error{ErrorCode::unsupported, "it was built for version " + theirs +
                                             " of the plugin interface, and this client "
                                             "has " +
                                             ours + "; build it again with this client's SDK"};
  }
  if (facts.needs_minor > PB_INTERFACE_MINOR) {
    return Error{ErrorCode::unsupported, "it needs version " +
                                             version_text(PB_INTERFACE_MAJOR, facts.needs_minor) +
                                             " of the plugin interface, and this client has " +
                                             ours + "; update the client, or use an older plugin"};
  }
  if (facts.payload_types.empty()) return Done{};
  std::string known;
  for (const auto& handled : facts.payload_types) {
    if (handled == type) return Done{};
    known += (known.empty() ? "" : ", ") + printable(handled);
  }
  return Error{ErrorCode::unsupported, "it handles payloads of type " + known + ", not " +
                                           printable(type) +
                                           "; name its file after what it handles"};
}

std::string describe_plugin(const PluginFacts& facts, const std::string& type) {
  const auto can = [&facts](std::uint64_t capability) {
    return (facts.capabilities & capability) != 0;
  };
  std::string writes;
  for (const auto& path : facts.writes)
    writes += (writes.empty() ? "" : ",") + quoted(path);
  return "{\"type\":" + quoted(type) + ",\"description\":" + quoted(facts.description) +
         ",\"rollback\":" + (can(PB_CAPABILITY_ROLLBACK) ? "\"yes\"" : "\"no\"") +
         ",\"reboot\":" + quoted(reboot_word(facts.capabilities)) +
         ",\"streams\":" + (can(PB_CAPABILITY_STREAMS) ? "true" : "false") +
         (can(PB_CAPABILITY_ROLLBACK_SPACE) ? ",\"needs_rollback_space\":true" : "") +
         (can(PB_CAPABILITY_NETWORK) ? ",\"network\":true" : "") +
         (facts.version.empty() ? "" : ",\"version\":" + quoted(facts.version)) +
         (writes.empty() ? "" : ",\"writes\":[" + writes + "]") + "}";
}

Result<CheckedPlugin> open_plugin(const std::string& path, const PluginVerifier& verify) {
  PB_TRY(auto fd, os::open_file(path, O_RDONLY));
  return check_plugin(path, std::move(fd), verify).context("plugin " + path);
}

}  // namespace patchbay::host
