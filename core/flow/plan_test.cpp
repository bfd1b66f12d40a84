#include "core/flow/plan.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::flow {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    patchbay::testing::write_script(directory_ / "modules/file", "#!/bin/sh\n");
    settings_.device_type = "board";
    settings_.device_type_file = "/data/device_type";
    settings_.module_directories = {directory_ / "modules"};
    installed_.name = "release-1";
    installed_.group = "blue";
    installed_.provides = {{"rootfs.version", "1"}};
    header_.name = "release-2";
    header_.compatible_types = {"other", "board"};
    header_.payloads.push_back({});
    header_.payloads[0].type = "file";
  }

  auto check() { return check_plan(header_, installed_, settings_); }

  patchbay::testing::TempDir directory_;
  Settings settings_;
  store::Installed installed_;
  artifact::Header header_;
};

TEST_F(PlanTest, GivenAnArtifactThatFits_WhenChecked_ThenItsModuleIsFound) {
  const auto modules = check();

  ASSERT_THAT(modules, IsOk());
  ASSERT_THAT(*modules, SizeIs(1));
  EXPECT_EQ(modules->front().path, directory_ / "modules/file");
}

TEST_F(PlanTest, GivenDependsThatAreMet_WhenChecked_ThenItFits) {
  header_.depends_names = {"release-0", "release-1"};
  header_.depends_groups = {"blue"};
  header_.payloads[0].depends = {{"rootfs.version", {"2", "1"}}, {"artifact_name", {"release-1"}}};

  EXPECT_THAT(check(), IsOk());
}

TEST_F(PlanTest, GivenAnEmptyPayload_WhenChecked_ThenNoModuleIsNeededButDependsCount) {
  header_.payloads[0].type = std::nullopt;

  EXPECT_TRUE(is_empty_payload(header_));
  EXPECT_THAT(check().value(), IsEmpty());
  header_.depends_names = {"release-7"};
  EXPECT_FALSE(check().has_value());
}

TEST_F(PlanTest, GivenTwoPayloads_WhenAsked_ThenTheyAreNoEmptyPayload) {
  EXPECT_FALSE(is_empty_payload(header_));
  header_.payloads.push_back({});
  EXPECT_FALSE(is_empty_payload(header_));
}

struct Misfit {
  const char* name;
  std::function<void(artifact::Header&, store::Installed&, Settings&)> change;
  ErrorCode code;
  std::vector<std::string> says;
  friend void PrintTo(const Misfit& misfit, std::ostream* out) { *out << misfit.name; }
};

class PlanRefused : public PlanTest, public ::testing::WithParamInterface<Misfit> {};

TEST_P(PlanRefused, GivenIt_WhenChecked_ThenTheErrorSaysWhatDoesNotHold) {
  GetParam().change(header_, installed_, settings_);

  const auto modules = check();

  for (const std::string& words : GetParam().says) {
    EXPECT_THAT(modules, FailsWith(GetParam().code, HasSubstr(words)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, PlanRefused,
    ::testing::Values(
        Misfit{"OtherDeviceType",
               [](auto&, auto&, auto& settings) { settings.device_type = "boar"; },
               ErrorCode::invalid_input,
               {"\"other\", \"board\"", "\"boar\"", "/data/device_type"}},
        Misfit{"CaseOfDeviceTypeDiffers",
               [](auto&, auto&, auto& settings) { settings.device_type = "Board"; },
               ErrorCode::invalid_input,
               {"\"Board\""}},
        Misfit{"NoDeviceType",
               [](auto&, auto&, auto& settings) { settings.device_type = ""; },
               ErrorCode::not_found,
               {"no device type", "device_type=NAME", "/data/device_type"}},
        Misfit{"HostileDeviceType",
               [](auto& header, auto&, auto&) { header.compatible_types = {"a\x1b[2Jb"}; },
               ErrorCode::invalid_input,
               {"a\\x1b[2Jb"}},
        Misfit{"OtherName",
               [](auto& header, auto&, auto&) { header.depends_names = {"release-0"}; },
               ErrorCode::invalid_input,
               {"artifact_name", "release-0", "release-1"}},
        Misfit{"OtherGroup",
               [](auto& header, auto&, auto&) { header.depends_groups = {"green"}; },
               ErrorCode::invalid_input,
               {"artifact_group", "green", "blue"}},
        Misfit{"NoGroup",
               [](auto& header, auto& installed, auto&) {
                 header.depends_groups = {"green"};
                 installed.group.reset();
               },
               ErrorCode::invalid_input,
               {"artifact_group"}},
        Misfit{"OtherProvides",
               [](auto& header, auto&, auto&) {
                 header.payloads[0].depends = {{"rootfs.version", {"2", "3"}}};
               },
               ErrorCode::invalid_input,
               {"rootfs.version", "2", "3"}},
        Misfit{"MissingProvides",
               [](auto& header, auto&, auto&) {
                 header.payloads[0].depends = {{"bootloader.version", {"1"}}};
               },
               ErrorCode::invalid_input,
               {"bootloader.version"}},
        Misfit{"DependsOfTheSecondPayload",
               [](auto& header, auto&, auto&) {
                 header.payloads.push_back(header.payloads[0]);
                 header.payloads[1].depends = {{"bootloader.version", {"1"}}};
               },
               ErrorCode::invalid_input,
               {"bootloader.version"}},
        Misfit{"NoModule",
               [](auto& header, auto&, auto&) { header.payloads[0].type = "gpu"; },
               ErrorCode::not_found,
               {"gpu", "modules"}},
        Misfit{"NoModuleForTheSecondPayload",
               [](auto& header, auto&, auto&) {
                 header.payloads.push_back({});
                 header.payloads[1].type = "gpu";
               },
               ErrorCode::not_found,
               {"gpu"}}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace patchbay::flow
