#include "modules/containers/run_options.hpp"

#include <gmock/gmock.h>

#include <ostream>

#include "modules/containers/request.hpp"
#include "modules/containers/run_values.hpp"

namespace patchbay::containers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string body_of(const std::string& text) {
  const auto words = split_words(text);
  if (!words) return words.error().message();
  const auto options = parse_run_options(*words);
  return options ? options->body : options.error().message();
}

TEST(RunOptions, GivenQuotesAndBackslashes_WhenSplit_ThenWordsAreKeptAndNothingIsExpanded) {
  const auto words = split_words(R"(-e 'A=one  two' --name="a b" x\ y $HOME `id` '')");

  ASSERT_TRUE(words);
  EXPECT_THAT(*words, ElementsAre("-e", "A=one  two", "--name=a b", "x y", "$HOME", "`id`", ""));
}

TEST(RunOptions, GivenEachSpelling_WhenParsed_ThenTheSameBody) {
  const std::string expected = R"({"Env":["A=1"],"HostConfig":{"NetworkMode":"host"}})";

  EXPECT_EQ(body_of("-e A=1 --network host"), expected);
  EXPECT_EQ(body_of("-eA=1 --network=host"), expected);
  EXPECT_EQ(body_of("--env=A=1 --net host -d"), expected);
}

struct Refusal {
  const char* text;
  const char* why;
  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.text; }
};

class RunOptionsRefused : public ::testing::TestWithParam<Refusal> {};

TEST_P(RunOptionsRefused, GivenWhatCannotBeMeant_WhenParsed_ThenTheOptionIsNamed) {
  EXPECT_THAT(body_of(GetParam().text), HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    All, RunOptionsRefused,
    ::testing::Values(
        Refusal{"--frob", "--frob is not known"}, Refusal{"-Z", "-Z is not known"},
        Refusal{"web", "'web', which is no option"},
        Refusal{"--rm", "--rm: a container that removes"},
        Refusal{"--env", "--env lacks its value"}, Refusal{"-e A", "write A=VALUE"},
        Refusal{"--env-file /etc/x", "--env-file: a file of the device"},
        Refusal{"--restart sometimes", "no restart policy"},
        Refusal{"--restart always:3", "only on-failure"}, Refusal{"-p 0", "is no port"},
        Refusal{"-p 1:2:3:x", "is no number"}, Refusal{"-p 80/xyz", "names no protocol"},
        Refusal{"-m 9223372036854775807g", "is too big"}, Refusal{"-m -1", "is no number"},
        Refusal{"-m 1x", "is no size"}, Refusal{"--cpus 1.0000000001", "more than nine decimals"},
        Refusal{"--device dev", "not an absolute path"},
        Refusal{"--device /dev/a:rwx", "r, w and m"},
        Refusal{"--ulimit nofile", "is not NAME=NUMBER"},
        Refusal{"--health-interval 5", "is no time"}, Refusal{"--init=maybe", "true or false"},
        Refusal{"-e 'A=1", "does not end"}));

TEST(RunValues, GivenPorts_WhenParsed_ThenAddressPortAndProtocol) {
  const auto port = parse_port("[::1]:8080:80/udp");

  ASSERT_TRUE(port);
  EXPECT_EQ(port->host_address, "::1");
  EXPECT_EQ(port->host_port, "8080");
  EXPECT_EQ(port->container, "80/udp");
}

TEST(RunValues, GivenTimesAndSizes_WhenParsed_ThenExact) {
  EXPECT_EQ(*parse_duration_ns("1m30s"), 90'000'000'000);
  EXPECT_EQ(*parse_duration_ns("500ms"), 500'000'000);
  EXPECT_EQ(*parse_nano("1.5"), 1'500'000'000);
  EXPECT_EQ(*parse_bytes("64m"), 64 << 20);
}

TEST(Request, GivenLegacyMetaData_WhenParsed_ThenContainersOfTheDefaultProject) {
  const std::string digest(64, 'a');
  const auto request =
      parse_request(R"({"containers": ["web@sha256:)" + digest + R"(", "web@sha256:)" + digest +
                        R"("], "run_args": "-it"})",
                    std::vector<std::string>{});

  ASSERT_TRUE(request) << request.error().message();
  EXPECT_EQ(request->project, "default");
  ASSERT_EQ(request->containers.size(), 2U);
  EXPECT_EQ(request->containers[0].name, "default-web");
  EXPECT_EQ(request->containers[1].name, "default-web-2");
  EXPECT_TRUE(is_by_digest(request->containers[0].image));
}

TEST(Request, GivenNoListAndFiles_WhenParsed_ThenAContainerForEachFile) {
  const auto request =
      parse_request(R"({"project": "shop"})", std::vector<std::string>{"db.tar", "web.tar"});

  ASSERT_TRUE(request) << request.error().message();
  ASSERT_EQ(request->containers.size(), 2U);
  EXPECT_EQ(request->containers[1].name, "shop-web");
  EXPECT_FALSE(parse_request(R"({"project": "shop"})", std::vector<std::string>{}));
  EXPECT_FALSE(parse_request(R"({"containers": null})", std::vector<std::string>{"web.tar"}));
}

TEST(Request, GivenATag_WhenAskedForADigest_ThenItIsNone) {
  EXPECT_FALSE(is_by_digest("web:2"));
  EXPECT_FALSE(is_by_digest("web@sha256:abc"));
  EXPECT_FALSE(is_by_digest("@sha256:" + std::string(64, 'a')));
}

}  // namespace
}  // namespace patchbay::containers
