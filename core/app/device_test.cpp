#include "core/app/device.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "tests/support/collecting_log.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::app {
namespace {

using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::TempDir;
using patchbay::testing::write_text;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

/// Sets a variable of the environment, and puts it back.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_{name} {
    if (const char* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class DeviceTest : public ::testing::Test {
 protected:
  DeviceTest() { options_.datastore = directory_ / "data"; }

  Result<Device> open() { return Device::open(options_, log_); }
  void device_type(const std::string& text) const {
    write_text(directory_ / "data/device_type", text);
  }

  TempDir directory_;
  CollectingLog log_;
  Options options_;
  Variable conf_{"MENDER_CONF_DIR", directory_ / "etc"};
  Variable share_{"MENDER_DATA_DIR", directory_ / "share"};
};

struct TypeFile {
  const char* name;
  std::string text;
  std::optional<std::string> type;  ///< none: an error
  friend void PrintTo(const TypeFile& file, std::ostream* out) { *out << file.name; }
};

class DeviceType : public DeviceTest, public ::testing::WithParamInterface<TypeFile> {};

TEST_P(DeviceType, GivenTheFile_WhenRead_ThenTheTypeIsWithoutWhiteSpaceOrItIsAnError) {
  device_type(GetParam().text);

  const auto device = open();

  if (GetParam().type) {
    ASSERT_THAT(device, IsOk());
    EXPECT_EQ(device->settings().device_type, *GetParam().type);
  } else {
    EXPECT_THAT(device, FailsWith(ErrorCode::invalid_input, AllOf(HasSubstr("data/device_type"),
                                                                  HasSubstr("device_type=NAME"))));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, DeviceType,
    ::testing::Values(TypeFile{"Plain", "device_type=board\n", "board"},
                      TypeFile{"NoNewLine", "device_type=board", "board"},
                      TypeFile{"CarriageReturn", "device_type=board\r\n", "board"},
                      TypeFile{"BlankLines", "\n\ndevice_type=board\n\n", "board"},
                      TypeFile{"SpacesAround", "  device_type= board \n", "board"},
                      TypeFile{"SpaceInside", "device_type=my board\n", "my board"},
                      TypeFile{"EqualSign", "device_type=a=b\n", "a=b"},
                      TypeFile{"SecondLine", "device_type=board\nx=y\n", std::nullopt},
                      TypeFile{"TwoTypes", "device_type=a\ndevice_type=b\n", std::nullopt},
                      TypeFile{"NoKey", "board\n", std::nullopt},
                      TypeFile{"OtherKey", "device=board\n", std::nullopt},
                      TypeFile{"NoValue", "device_type=\n", std::nullopt},
                      TypeFile{"OnlyBlanksAsValue", "device_type=  \n", std::nullopt},
                      TypeFile{"Empty", "", std::nullopt}, TypeFile{"Blank", " \n", std::nullopt}),
    [](const auto& test) { return test.param.name; });

TEST_F(DeviceTest, GivenNoDeviceTypeFile_WhenOpened_ThenTheTypeIsUnknownAndTheFileIsNamed) {
  const auto device = open();

  ASSERT_THAT(device, IsOk());
  EXPECT_EQ(device->settings().device_type, "");
  EXPECT_EQ(device->settings().device_type_file, directory_ / "data/device_type");
}

TEST_F(DeviceTest, GivenHostileBytesInTheTypeFile_WhenRefused_ThenTheErrorShowsThemSafely) {
  device_type("\x1b[2Jboard\n");

  EXPECT_THAT(open(), FailsWith(ErrorCode::invalid_input,
                                AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b")))));
}

TEST_F(DeviceTest, GivenADeviceTypeFileInTheConfiguration_WhenOpened_ThenItIsRead) {
  write_text(directory_ / "type", "device_type=elsewhere\n");
  write_text(directory_ / "etc/mender.conf",
             R"({"DeviceTypeFile": ")" + (directory_ / "type") + R"("})");
  device_type("device_type=board\n");

  EXPECT_EQ(open()->settings().device_type, "elsewhere");
}

TEST_F(DeviceTest, GivenAConfigurationThatCannotBeUnderstood_WhenOpened_ThenItIsAnError) {
  write_text(directory_ / "etc/mender.conf", R"({"ArtifactVerifyKey": ["a"]})");

  ASSERT_FALSE(open().has_value());
  EXPECT_THAT(open().error().message(), HasSubstr("ArtifactVerifyKey"));
}

TEST_F(DeviceTest, GivenAKeyThatIsNotThere_WhenTheReaderIsPrepared_ThenItIsAnError) {
  write_text(directory_ / "etc/mender.conf", R"({"ArtifactVerifyKey": "/no/such/key.pem"})");
  const auto device = open();
  ASSERT_THAT(device, IsOk());

  EXPECT_THAT(device->reader_options(),
              FailsWith(ErrorCode::not_found, HasSubstr("/no/such/key.pem")));
}

TEST_F(DeviceTest, GivenSecretsInOurEnvironment_WhenOpened_ThenModulesAndScriptsDoNotGetThem) {
  const Variable secret{"PATCHBAY_TEST_SECRET", "hush"};
  const Variable preload{"LD_PRELOAD_LIKE", "hush"};
  const Variable shell_code{"BASH_ENV", "hush"};
  const Variable locale{"LC_MESSAGES", "C"};
  const Variable proxy{"https_proxy", "http://proxy:1"};

  const auto device = open();

  ASSERT_THAT(device, IsOk());
  for (const auto& environment :
       {device->settings().module.environment, device->settings().scripts.environment}) {
    EXPECT_THAT(environment, Not(Contains(HasSubstr("hush"))));
    EXPECT_THAT(environment, Contains("LC_MESSAGES=C"));
    EXPECT_THAT(environment, Contains("https_proxy=http://proxy:1"));
    EXPECT_THAT(environment, Contains("MENDER_DATASTORE_DIR=" + (directory_ / "data")));
    EXPECT_THAT(environment, Contains(StartsWith("PATH=")));
  }
}

TEST_F(DeviceTest, GivenRootPartitions_WhenOpened_ThenModulesGetThem) {
  write_text(directory_ / "etc/mender.conf",
             R"({"RootfsPartA": "PARTUUID=1", "RootfsPartB": "/dev/b"})");

  EXPECT_THAT(open()->settings().module.environment,
              IsSupersetOf({"PATCHBAY_ROOTFS_PART_A=PARTUUID=1", "PATCHBAY_ROOTFS_PART_B=/dev/b"}));
}

TEST_F(DeviceTest, GivenNoPath_WhenOpened_ThenModulesGetTheUsualOne) {
  const Variable path{"PATH", ""};
  ::unsetenv("PATH");

  EXPECT_THAT(open()->settings().module.environment,
              Contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
}

TEST_F(DeviceTest, GivenADatastoreInTheEnvironment_WhenOpened_ThenItIsPassedOnOnce) {
  const Variable elsewhere{"MENDER_DATASTORE_DIR", directory_ / "elsewhere"};

  const auto environment = open()->settings().module.environment;

  EXPECT_EQ(std::count_if(environment.begin(), environment.end(),
                          [](const std::string& entry) {
                            return entry.starts_with("MENDER_DATASTORE_DIR=");
                          }),
            1);
  EXPECT_THAT(environment, Contains("MENDER_DATASTORE_DIR=" + (directory_ / "data")))
      << "the option is stronger than the environment";
  options_.datastore.reset();
  EXPECT_EQ(open()->datastore(), directory_ / "elsewhere");
}

TEST_F(DeviceTest, GivenTheConfiguration_WhenOpened_ThenModuleDirectoriesComeInOrder) {
  write_text(directory_ / "etc/mender.conf", R"({"Patchbay": {"ModuleDirectories": ["/opt/m"]}})");

  EXPECT_THAT(open()->settings().module_directories,
              ElementsAre("/opt/m", "/var/lib/patchbay/modules/v3", "/usr/lib/patchbay/modules/v3",
                          directory_ / "share/modules/v3"));
}

TEST_F(DeviceTest, GivenDoubtfulKeys_WhenOpened_ThenTheyAreWarnedAbout) {
  write_text(directory_ / "etc/mender.conf", R"({"FavouriteColour": "blue"})");

  ASSERT_THAT(open(), IsOk());

  EXPECT_THAT(log_.text(), HasSubstr("FavouriteColour"));
}

TEST_F(DeviceTest, GivenTheDatastoreIsMissing_WhenLocked_ThenItIsMadeForItsOwnerAlone) {
  const auto device = open();
  ASSERT_THAT(device, IsOk());

  const auto lock = device->lock("install");
  const auto second = device->lock("commit");

  ASSERT_TRUE(lock.has_value());
  struct stat info {};
  ASSERT_EQ(::stat(device->datastore().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::conflict);
  EXPECT_THAT(second.error().message(), HasSubstr("patchbay install, process "));
}

TEST(DeviceConfigPaths, GivenNothing_WhenAsked_ThenThePlacesAreTheUsualOnes) {
  const Variable conf{"MENDER_CONF_DIR", ""};
  const Variable data{"MENDER_DATASTORE_DIR", ""};

  const ConfigPaths paths = config_paths({});

  EXPECT_EQ(paths.main, "/etc/mender/mender.conf");
  EXPECT_FALSE(paths.main_required);
  EXPECT_EQ(paths.fallback, "/var/lib/mender/mender.conf");
  EXPECT_FALSE(paths.fallback_required);
  EXPECT_EQ(paths.yaml, "/etc/mender/patchbay.yaml");
}

TEST(DeviceConfigPaths, GivenTheEnvironment_WhenAsked_ThenItMovesThem) {
  const Variable conf{"MENDER_CONF_DIR", "/conf"};
  const Variable data{"MENDER_DATASTORE_DIR", "/data"};

  const ConfigPaths paths = config_paths({});

  EXPECT_EQ(paths.main, "/conf/mender.conf");
  EXPECT_EQ(paths.fallback, "/data/mender.conf");
  EXPECT_EQ(paths.yaml, "/conf/patchbay.yaml");
}

TEST(DeviceConfigPaths, GivenOptions_WhenAsked_ThenTheyWinAndTheirFilesMustBeThere) {
  const Variable data{"MENDER_DATASTORE_DIR", "/data"};
  Options options;
  options.config = "/my.conf";
  options.fallback_config = "/my-fallback.conf";

  const ConfigPaths paths = config_paths(options);

  EXPECT_EQ(paths.main, "/my.conf");
  EXPECT_TRUE(paths.main_required);
  EXPECT_EQ(paths.fallback, "/my-fallback.conf");
  EXPECT_TRUE(paths.fallback_required);
  EXPECT_EQ(paths.yaml, "") << "what was named is the whole configuration";
}

TEST(DeviceConfigPaths, GivenADatastoreOption_WhenAsked_ThenTheFallbackIsThere) {
  Options options;
  options.datastore = "/mine";

  EXPECT_EQ(config_paths(options).fallback, "/mine/mender.conf");
}

}  // namespace
}  // namespace patchbay::app
