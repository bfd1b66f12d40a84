// patchbay-flow-page: prints docs/flow.md. Not installed.

#include <cstdio>

#include "core/flow/flow_page.hpp"

int main() {
  const std::string page = patchbay::flow::testing::flow_page();
  return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
