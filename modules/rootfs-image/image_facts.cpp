#include "modules/rootfs-image/image_facts.hpp"

#include <nlohmann/json.hpp>

namespace patchbay::rootfs_image {

module::Result<ImageFacts> read_image_facts(const nlohmann::json& meta_data,
                                            const std::string& type, const std::string& key) {
  const auto wrong = [&](const std::string& what) {
    return module::Error{"the meta-data of a " + type + " needs \"" + key +
                         R"(": {"size": BYTES, "sha256": "..."}; )" + what};
  };
  if (!meta_data.is_object() || !meta_data.contains(key) || !meta_data[key].is_object())
    return wrong("it has none");
  const auto& object = meta_data[key];
  const auto size = object.find("size");
  const auto sum = object.find("sha256");
  if (size == object.end() || !size->is_number_unsigned()) return wrong("its size is no number");
  if (sum == object.end() || !sum->is_string()) return wrong("its sha256 is no text");
  ImageFacts image{size->get<std::uint64_t>(), sum->get<std::string>()};
  const bool is_sum = image.sum.size() == 64 &&
                      image.sum.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_sum) return wrong("its sha256 is '" + image.sum.substr(0, 80) + "'");
  if (image.size == 0) return wrong("its size is 0");
  return image;
}

}  // namespace patchbay::rootfs_image
