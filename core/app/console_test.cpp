#include "core/app/console.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "core/base/bytes.hpp"
#include "tests/support/collecting_log.hpp"

namespace patchbay::app {
namespace {

using patchbay::testing::CollectingLog;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEscape = '\x1b';

/// What `act` makes a console of that style print to standard error.
template <typename Act>
std::string printed(Console::Style style, CollectingLog& log, Act act) {
  ::testing::internal::CaptureStderr();
  {
    Console console{style, log};
    act(console);
  }
  return ::testing::internal::GetCapturedStderr();
}

unsigned lines_in(const CollectingLog& log) {
  return static_cast<unsigned>(log.records().size());
}

TEST(ConsoleLines, GivenADownloadInSmallSteps_WhenShown_ThenThereIsOneLineForTenPercent) {
  CollectingLog log;

  const std::string text = printed(Console::Style::lines, log, [](Console& console) {
    for (std::uint64_t done = 0; done <= 1000; ++done)
      console.downloading(done, 1000);
  });

  EXPECT_EQ(text, "");
  EXPECT_EQ(lines_in(log), 10U);
  EXPECT_EQ(log.records().front().second, "download 10 % of 1000 bytes");
  EXPECT_EQ(log.records().back().second, "download 100 % of 1000 bytes");
}

TEST(ConsoleLines, GivenADownloadInOneStep_WhenShown_ThenThereIsOneLine) {
  CollectingLog log;

  printed(Console::Style::lines, log, [](Console& console) {
    console.downloading(0, 1000);
    console.downloading(1000, 1000);
    console.downloading(1000, 1000);
  });

  EXPECT_EQ(lines_in(log), 1U);
}

TEST(ConsoleLines, GivenSizesAtTheEdge_WhenShown_ThenNothingBreaks) {
  CollectingLog log;

  printed(Console::Style::lines, log, [](Console& console) {
    console.downloading(10, std::nullopt);  // a pipe
    console.downloading(20, 10);            // more than was announced
    console.downloading(0, 0);
  });

  EXPECT_EQ(lines_in(log), 1U);
  EXPECT_THAT(log.text(), HasSubstr("100 %"));
}

TEST(ConsoleLines, GivenModulesThatReport_WhenShown_ThenStatusIsLoggedWithoutControlCharacters) {
  CollectingLog log;

  const std::string text = printed(Console::Style::lines, log, [](Console& console) {
    console.entering(flow::State::install);
    console.module_progress(1, 50);
    console.module_status(1, "writing \x1b[31mred");
  });

  EXPECT_EQ(text, "");
  EXPECT_THAT(log.text(), HasSubstr("payload 1: writing \\x1b[31mred"));
}

TEST(ConsoleLines, GivenANotice_WhenShown_ThenItIsPrintedWithoutEscapeCodes) {
  CollectingLog log;

  const std::string text = printed(Console::Style::lines, log, [](Console& console) {
    console.notice("mind \x1b[2J this");
    console.clear();
  });

  EXPECT_EQ(text, "Note: mind \\x1b[2J this\n");
}

TEST(ConsoleQuiet, GivenEverything_WhenShown_ThenOnlyNoticesArePrinted) {
  CollectingLog log;

  const std::string text = printed(Console::Style::quiet, log, [](Console& console) {
    console.entering(flow::State::download);
    console.downloading(1000, 1000);
    console.module_progress(0, 100);
  });

  EXPECT_EQ(text, "");
  EXPECT_THAT(log.text(), Not(HasSubstr("%")));
}

TEST(ConsoleBar, GivenADownload_WhenShown_ThenABarIsDrawnAndTakenAway) {
  CollectingLog log;

  const std::string text = printed(Console::Style::bar, log, [](Console& console) {
    console.entering(flow::State::download);
    console.downloading(512 * 1024, 1024 * 1024);
  });

  EXPECT_THAT(text, AllOf(HasSubstr("50 %"), HasSubstr("[===============               ]")));
  EXPECT_THAT(text, EndsWith(std::string{"\r"} + kEscape + "[K"));
  EXPECT_EQ(text.find('\n'), text.npos);
}

TEST(ConsoleBar, GivenADownloadThatSkipsMuch_WhenShown_ThenTheRateIsThatOfWhatHasCome) {
  CollectingLog log;

  const std::string text = printed(Console::Style::bar, log, [](Console& console) {
    console.downloading(0, 9000 * kMiB);
    console.skipped(8000 * kMiB);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{200};
    while (std::chrono::steady_clock::now() < end)  // it draws ten times a second
      console.downloading(8000 * kMiB + 1, 9000 * kMiB);
  });

  EXPECT_THAT(text, AllOf(HasSubstr("88 %"), HasSubstr(" bytes/s")));
}

TEST(ConsoleBar, GivenAPercentageBeyondEverything_WhenShown_ThenTheBarIsFull) {
  CollectingLog log;

  const std::string text = printed(Console::Style::bar, log, [](Console& console) {
    console.entering(flow::State::install);
    console.module_progress(0, 4000000000U);
  });

  EXPECT_THAT(text, HasSubstr("[==============================]"));
}

TEST(ConsoleBar, GivenAStatusFullOfControlCharacters_WhenShown_ThenOnlyOurOwnReachTheTerminal) {
  CollectingLog log;

  const std::string text = printed(Console::Style::bar, log, [](Console& console) {
    console.entering(flow::State::install);
    console.module_status(0, "\x1b[31mred\nnext line");
  });

  EXPECT_THAT(text, Not(HasSubstr("\x1b[31m")));
  EXPECT_EQ(text.find('\n'), text.npos);
}

TEST(ConsoleBar, GivenANotice_WhenABarIsThere_ThenItIsTakenAwayFirst) {
  CollectingLog log;

  const std::string text = printed(Console::Style::bar, log, [](Console& console) {
    console.entering(flow::State::install);
    console.notice("careful");
  });

  EXPECT_THAT(text, EndsWith(std::string{"\r"} + kEscape + "[KNote: careful\n"));
}

TEST(ConsoleStyle, GivenStandardErrorIsNoTerminal_WhenAsked_ThenItIsLines) {
  ::testing::internal::CaptureStderr();
  const Console::Style style = Console::style_of_stderr();
  ::testing::internal::GetCapturedStderr();

  EXPECT_EQ(style, Console::Style::lines);
}

}  // namespace
}  // namespace patchbay::app
