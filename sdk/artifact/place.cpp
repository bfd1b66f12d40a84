#include "sdk/artifact/place.hpp"

#include "core/artifact/names.hpp"
#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/disk.hpp"
#include "sdk/artifact/image.hpp"

namespace patchbay::artifact_tool {
namespace {

Error refuse(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

/// Where the container ends: at the first colon behind the name of something that is there.
std::optional<std::size_t> end_of_container(const std::string& word) {
  std::optional<std::size_t> first;
  for (std::size_t at = word.find(':'); at != std::string::npos; at = word.find(':', at + 1)) {
    if (at == 0) continue;
    if (!first) first = at;
    if (os::exists(word.substr(0, at))) return at;
  }
  return first;
}

Status parse_payload_file(Place& place, std::string text) {
  std::string_view rest = text;
  if (const auto index = artifact::take_index(rest); index && rest.starts_with('/')) {
    place.payload = *index;
    text = std::string{rest.substr(1)};
  }
  const std::size_t colon = text.find(':');
  place.file = text.substr(0, colon);
  if (colon != std::string::npos) {
    PB_TRY(place.path, image_path(text.substr(colon + 1)));
  }
  if (place.file.empty() || artifact::is_file_name(place.file)) return Done{};
  return refuse("\"" + printable(place.file) +
                "\" is not a name of a payload file, which is of "
                "[A-Za-z0-9_.,-]");
}

/// mender-artifact keeps these directories for the partitions of a disk.
Status check_partition(const Place& place, Face face) {
  if (face == Face::patchbay || !is_on_own_partition(place.path)) return Done{};
  const auto disk = is_disk(place.container);
  if (disk && *disk) return Done{};
  return refuse("\"" + place.path + "\" is on a partition that an artifact does not have");
}

}  // namespace

Result<std::optional<Place>> parse_place(const std::string& word, Face face) {
  const auto end = end_of_container(word);
  if (!end || os::exists(word)) return std::optional<Place>{};
  Place place;
  place.container = word.substr(0, *end);
  const std::string inside = word.substr(*end + 1);
  if (inside.empty()) return refuse("\"" + word + "\": the path behind the colon is missing");
  if (inside.front() == '/') {
    PB_TRY(place.path, image_path(inside));
    if (inside.ends_with('/') && place.path != "/") place.path += "/";
  } else {
    PB_CHECK(parse_payload_file(place, inside));
  }
  PB_CHECK(check_partition(place, face));
  return std::optional{std::move(place)};
}

Place without_end_slash(Place place) {
  if (place.path.size() > 1 && place.path.ends_with('/')) place.path.pop_back();
  return place;
}

Result<Place> need_place(const std::string& word, Face face) {
  PB_TRY(auto place, parse_place(word, face));
  if (place) return std::move(*place);
  return refuse("\"" + word +
                "\" does not name a file inside an artifact: write ARTIFACT:/PATH or "
                "ARTIFACT:FILE");
}

}  // namespace patchbay::artifact_tool
