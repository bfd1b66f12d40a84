#include "modules/rootfs-image/boot_efi.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "modules/rootfs-image/efi_variables.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using Entry = std::optional<std::string>;

/// How a boot manager keeps its choices. An entry is spelled as in BootValueA and BootValueB.
class Choices {
 public:
  explicit Choices(EfiVariables variables) : variables_{std::move(variables)} {}
  Choices(const Choices&) = delete;
  Choices& operator=(const Choices&) = delete;
  virtual ~Choices() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  virtual Result<Entry> running() = 0;
  virtual Result<Entry> standard() = 0;
  virtual Result<Entry> once() = 0;
  virtual Status set_standard(const std::string& entry) = 0;
  virtual Status set_once(const std::string& entry) = 0;
  virtual Status forget_once() = 0;

 protected:
  [[nodiscard]] const EfiVariables& variables() const { return variables_; }

 private:
  EfiVariables variables_;
};

// --- the firmware: 16-bit numbers, the low byte first ---

constexpr const char* kGlobal = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";

std::vector<std::string> numbers_of(const std::string& bytes) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const auto low = static_cast<unsigned char>(bytes[i]);
    const auto high = static_cast<unsigned char>(bytes[i + 1]);
    numbers.push_back(
        {kDigits[high >> 4U], kDigits[high & 15U], kDigits[low >> 4U], kDigits[low & 15U]});
  }
  return numbers;
}

std::string bytes_of(const std::vector<std::string>& numbers) {
  std::string bytes;
  for (const auto& text : numbers) {
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, 16);
    bytes += static_cast<char>(number & 255U);
    bytes += static_cast<char>(number >> 8U);
  }
  return bytes;
}

class Firmware final : public Choices {
 public:
  using Choices::Choices;

  [[nodiscard]] std::string name() const override {
    return "EFI boot order in " + variables().directory();
  }
  Result<Entry> running() override { return first_of("BootCurrent"); }
  Result<Entry> standard() override { return first_of("BootOrder"); }
  Result<Entry> once() override { return first_of("BootNext"); }
  Status set_once(const std::string& entry) override { return put("BootNext", {entry}); }
  Status forget_once() override { return variables().remove(std::string{"BootNext"} + kGlobal); }

  // To the front; the others keep their order.
  Status set_standard(const std::string& entry) override {
    PATCHBAY_TRY(const auto value, variables().read(std::string{"BootOrder"} + kGlobal));
    auto order = numbers_of(value.value_or(""));
    const auto found = std::find(order.begin(), order.end(), entry);
    if (found == order.end())
      order.insert(order.begin(), entry);
    else
      std::rotate(order.begin(), found, found + 1);
    return put("BootOrder", order);
  }

 private:
  Result<Entry> first_of(const std::string& name) {
    PATCHBAY_TRY(const auto value, variables().read(name + kGlobal));
    const auto numbers = numbers_of(value.value_or(""));
    return numbers.empty() ? Entry{} : Entry{numbers.front()};
  }
  Status put(const std::string& name, const std::vector<std::string>& numbers) {
    return variables().write(name + kGlobal, bytes_of(numbers));
  }
};

// --- systemd-boot: names in UTF-16 with a zero at the end ---

constexpr const char* kLoader = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

class SystemdBoot final : public Choices {
 public:
  using Choices::Choices;

  [[nodiscard]] std::string name() const override {
    return "systemd-boot (" + variables().directory() + ")";
  }
  Result<Entry> running() override { return text_of("LoaderEntrySelected"); }
  Result<Entry> standard() override { return text_of("LoaderEntryDefault"); }
  Result<Entry> once() override { return text_of("LoaderEntryOneShot"); }
  Status set_standard(const std::string& entry) override {
    return put("LoaderEntryDefault", entry);
  }
  Status set_once(const std::string& entry) override { return put("LoaderEntryOneShot", entry); }
  Status forget_once() override {
    return variables().remove(std::string{"LoaderEntryOneShot"} + kLoader);
  }

 private:
  // Entries have names in ASCII; what has not is none of ours.
  Result<Entry> text_of(const std::string& name) {
    PATCHBAY_TRY(const auto value, variables().read(name + kLoader));
    if (!value) return Entry{};
    std::string text;
    for (std::size_t i = 0; i + 1 < value->size(); i += 2) {
      const bool ends = (*value)[i] == '\0' && (*value)[i + 1] == '\0';
      if (ends) break;
      text += (*value)[i + 1] == '\0' ? (*value)[i] : '?';
    }
    return Entry{text};
  }
  Status put(const std::string& name, const std::string& entry) {
    std::string value;
    for (const char letter : entry + '\0')
      value.append({letter, '\0'});
    return variables().write(name + kLoader, value);
  }
};

/// A trial is an entry for the next time only. While it runs, nothing says so but that it is not
/// the standard one; so a system that is to be left again gets the other one for the next time,
/// too.
class OneShotBoot final : public BootEnvironment {
 public:
  OneShotBoot(std::unique_ptr<Choices> choices, BootValues values)
      : choices_{std::move(choices)}, values_{std::move(values)} {}

  [[nodiscard]] std::string name() const override { return choices_->name(); }

  Result<BootState> read() override {
    PATCHBAY_TRY(const auto standard, slot_of(choices_->standard(), "the standard entry"));
    if (!standard)
      return Error{name() + ": there is no standard entry; set it to that of the slot that runs"};
    PATCHBAY_TRY(const auto once, slot_of(choices_->once(), "the entry for the next time"));
    if (once) return BootState{*once, *once != *standard};
    PATCHBAY_TRY(const auto running, slot_of(choices_->running(), "the entry that runs"));
    const auto runs = running.value_or(*standard);
    return BootState{runs, runs != *standard};
  }

  Status try_once(Slot slot) override {
    PATCHBAY_CHECK(choices_->set_once(entry(slot)).context(name()));
    return check({slot, true});
  }

  Status keep(Slot slot) override {
    PATCHBAY_TRY(const auto standard, choices_->standard());
    if (standard != entry(slot))
      PATCHBAY_CHECK(choices_->set_standard(entry(slot)).context(name()));
    PATCHBAY_TRY(const auto running, choices_->running());
    PATCHBAY_CHECK(
        (running == entry(slot) ? choices_->forget_once() : choices_->set_once(entry(slot)))
            .context(name()));
    return check({slot, false});
  }

 private:
  [[nodiscard]] const std::string& entry(Slot slot) const {
    return values_[slot == Slot::a ? 0 : 1];
  }

  Result<std::optional<Slot>> slot_of(Result<Entry> answer, const std::string& what) const {
    PATCHBAY_TRY(const auto entry, std::move(answer));
    if (!entry) return std::optional<Slot>{};
    if (*entry == values_[0]) return std::optional{Slot::a};
    if (*entry == values_[1]) return std::optional{Slot::b};
    return Error{name() + ": " + what + " is '" + *entry + "', but the slots are '" + values_[0] +
                 "' (A) and '" + values_[1] + "' (B)"};
  }

  Status check(BootState wanted) {
    PATCHBAY_TRY(const auto have, read());
    if (have == wanted) return Done{};
    return Error{name() + ": slot " + letter(wanted.next) + " was chosen, and it says slot " +
                 letter(have.next) + (have.on_trial ? ", on trial" : "")};
  }

  std::unique_ptr<Choices> choices_;
  BootValues values_;
};

bool is_number(const std::string& text) {
  constexpr const char* kHexadecimal = "0123456789ABCDEF";
  return text.size() == 4 && text.find_first_not_of(kHexadecimal) == std::string::npos;
}

Status require_variables(const std::string& directory) {
  if (module::exists(directory)) return Done{};
  return Error{directory +
               " is not there: has this machine been started by EFI, and is efivarfs "
               "mounted?"};
}

}  // namespace

Result<std::unique_ptr<BootEnvironment>> boot_through_firmware(const std::string& variables,
                                                               const BootValues& values) {
  PATCHBAY_CHECK(require_variables(variables));
  for (const auto& value : values) {
    if (!is_number(value))
      return Error{
          "BootValueA and BootValueB have to be the numbers of EFI boot entries, four "
          "digits as efibootmgr prints them; '" +
          value + "' is none"};
  }
  return std::unique_ptr<BootEnvironment>{
      std::make_unique<OneShotBoot>(std::make_unique<Firmware>(EfiVariables{variables}), values)};
}

Result<std::unique_ptr<BootEnvironment>> boot_through_systemd(const std::string& variables,
                                                              const BootValues& values) {
  PATCHBAY_CHECK(require_variables(variables));
  return std::unique_ptr<BootEnvironment>{std::make_unique<OneShotBoot>(
      std::make_unique<SystemdBoot>(EfiVariables{variables}), values)};
}

}  // namespace patchbay::rootfs_image
