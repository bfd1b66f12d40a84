#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <random>
#include <string>

#include "modules/rootfs-image/old_image_rig.hpp"
#include "sdk/chunks/pack.hpp"
#include "tests/support/http_server.hpp"

namespace patchbay::testing {

/// A board with an old system, a new one that differs from it in places, and a server that has the
/// pack of the new one.
class ChunksRig : public OldImageRig {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    start();
  }

  void start() {
    make("rootfs-chunks");
    fresh_ = changed(old_);
    board_->configure("FetchTimeout", "1");
    pack(fresh_);
    serve_by([this](const HttpRequest& request, int) { return serve(request, pack_, "\"1\""); });
  }
  [[nodiscard]] const std::string& payload() const { return index_; }

  /// What stands in the only file of the file system changes: a part of it, and all that is behind
  /// another place moves by a few bytes. What the file system says of itself stays.
  static std::string changed(const std::string& image) {
    const auto begin = image.find("the old system 0\n");
    const auto end = image.rfind("the old system ");
    auto file = image.substr(begin, end - begin);
    const auto third = file.size() / 3;
    std::mt19937 random{1};
    for (std::size_t i = 0; i < 60000; ++i)
      file[third + i] = static_cast<char>(random() & 255U);
    file = file.substr(0, 2 * third) + "something new" + file.substr(2 * third);
    file.resize(end - begin);
    auto made = image;
    return made.replace(begin, file.size(), file);
  }

  void pack(const std::string& image) {
    const auto& made = made_of(image);
    index_ = made.index;
    pack_ = made.pack;
    facts_ = described(image);
  }

  void serve_by(HttpServer::Handler handler) {
    server_ = std::make_unique<HttpServer>(std::move(handler));
    describe(server_->url("/release-2.pack"));
  }
  void describe(const std::string& url) {
    board_->tree().meta_data(R"({"url": ")" + url + R"(", "to": )" + facts_ + "}");
  }

  /// Bytes that the server was asked for.
  [[nodiscard]] std::size_t asked() const {
    std::size_t sum = 0;
    for (const auto& request : server_->requests()) {
      const auto range = request.header("range");  // "bytes=1-2"
      const auto dash = range.find('-');
      sum += std::stoul(range.substr(dash + 1)) - std::stoul(range.substr(6, dash - 6)) + 1;
    }
    return sum;
  }

  std::string index_;
  std::string pack_;
  std::string facts_;  ///< of the new image, as meta-data has them
  std::unique_ptr<HttpServer> server_;

 private:
  struct Made {
    std::string index;
    std::string pack;
  };
  /// Kept, because most tests have the same image.
  static const Made& made_of(const std::string& image) {
    static std::map<std::string, Made> all;
    auto& made = all[image];
    if (!made.pack.empty()) return made;
    const TempDir directory;
    write_text(directory / "image", image);
    const auto packed = chunks::write_pack(directory / "image", directory / "pack");
    EXPECT_TRUE(packed) << packed.error().message();
    made = {chunks::to_bytes(packed->index), read_text(directory / "pack")};
    return made;
  }
};

}  // namespace patchbay::testing
