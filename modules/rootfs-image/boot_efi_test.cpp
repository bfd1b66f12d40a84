#include "modules/rootfs-image/boot_efi.hpp"

#include <gmock/gmock.h>

#include "tests/support/module_tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::rootfs_image {
namespace {

using ::testing::HasSubstr;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

constexpr const char* kGlobal = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr const char* kLoader = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const std::string kAttributes{7, 0, 0, 0};

// Values laid out as the UEFI specification (3.3) and systemd's boot loader interface define them.
class BootEntries : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& bytes) {
    write_text(directory_ / name, kAttributes + bytes);
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    return read_text(directory_ / name).substr(4);
  }

  TempDir directory_;
};

TEST_F(BootEntries, GivenBootOrderWithOthers_WhenSlotIsKept_ThenItComesFirstAndTheRestStays) {
  put(std::string{"BootCurrent"} + kGlobal, {1, 0});
  put(std::string{"BootOrder"} + kGlobal, {1, 0, 0, 0, 0x1a, 2});
  auto boot = boot_through_firmware(directory_.path(), {"0001", "021A"});
  ASSERT_TRUE(boot);
  EXPECT_EQ(*(*boot)->read(), (BootState{Slot::a, false}));

  ASSERT_TRUE((*boot)->try_once(Slot::b));
  EXPECT_EQ(get(std::string{"BootNext"} + kGlobal), (std::string{0x1a, 2}));
  EXPECT_EQ(get(std::string{"BootOrder"} + kGlobal), (std::string{1, 0, 0, 0, 0x1a, 2}));
  EXPECT_EQ(*(*boot)->read(), (BootState{Slot::b, true}));

  put(std::string{"BootCurrent"} + kGlobal, {0x1a, 2});
  ASSERT_TRUE((*boot)->keep(Slot::b));
  EXPECT_EQ(get(std::string{"BootOrder"} + kGlobal), (std::string{0x1a, 2, 1, 0, 0, 0}));
  EXPECT_EQ(*(*boot)->read(), (BootState{Slot::b, false}));
}

TEST_F(BootEntries, GivenSystemdBoot_ThenNamesAreInUtf16WithAZeroAtTheEnd) {
  put(std::string{"LoaderEntryDefault"} + kLoader, {'a', 0, 0, 0});
  put(std::string{"LoaderEntrySelected"} + kLoader, {'a', 0, 0, 0});
  auto boot = boot_through_systemd(directory_.path(), {"a", "b"});
  ASSERT_TRUE(boot);
  ASSERT_TRUE((*boot)->try_once(Slot::b));

  EXPECT_EQ(get(std::string{"LoaderEntryOneShot"} + kLoader), (std::string{'b', 0, 0, 0}));
}

TEST_F(BootEntries, GivenWhatCannotBeRight_ThenSaidSo) {
  EXPECT_THAT(boot_through_firmware(directory_ / "none", {"0001", "0002"}).error().message(),
              HasSubstr("is efivarfs mounted?"));
  EXPECT_THAT(boot_through_firmware(directory_.path(), {"1", "2"}).error().message(),
              HasSubstr("four digits as efibootmgr prints them; '1' is none"));
  auto boot = boot_through_systemd(directory_.path(), {"a.conf", "b.conf"});
  ASSERT_TRUE(boot);
  EXPECT_THAT((*boot)->read().error().message(), HasSubstr("there is no standard entry"));
  put(std::string{"LoaderEntryDefault"} + kLoader, {'c', 0, 0, 0});
  EXPECT_THAT((*boot)->read().error().message(), HasSubstr("the standard entry is 'c', but"));
  write_text(directory_ / (std::string{"LoaderEntryDefault"} + kLoader), "ab");
  EXPECT_THAT((*boot)->read().error().message(), HasSubstr("has only 2 bytes"));
}

}  // namespace
}  // namespace patchbay::rootfs_image
