// Any bytes as the text of `manifest.sig`, against an RSA, an ECDSA and an Ed25519 key; and as a
// key.

#include <cstdlib>

#include "core/artifact/signature.hpp"
#include "fuzz_target.hpp"

namespace patchbay::fuzz {
namespace {

// Public keys whose private halves were thrown away.
constexpr const char* kEcKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEagKuI3gko05abjKt/BWVaSshGQvF\n"
    "zGw7dqyceZRPs2zajTuZ/uh795Caj2TmQbGrHpyC4K+U20oqP/l5aIC8+Q==\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kRsaKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqKrYmcILljR7L934mxPA\n"
    "kJ8DjXF8p2DVAD1eXfDuEzxXs601tHREilbD5ZA18vK3Hneq1COXgXq1gRKCMdkA\n"
    "MP7538ti2Pdyi6UUFlrMIyenfHGv7JMTE4QnER2ton5lVN9zvZWp/GGlVroKLcQa\n"
    "Nw8hoNXCerkrMsr09uz3kYbyDebe8EKnSYVXgNf3vsB6K848hF2k1BVxDDjcuErp\n"
    "nhZY+4s9v840tp0Z2kAJ5DY+x+0ad57p9KAN3uziPL0hsrFn0YKplnGDSq0/KGf3\n"
    "ga8pznVVqqI/21oI1zL8sVhjF3GWC93SVrI84AmeSAtV+40pOr26RircN3JVM2nw\n"
    "LwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kEdKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAEmtkiJ9yxeP8AdxRlUmUsU8TxT6a2Gx2NFV8dmJoooU=\n"
    "-----END PUBLIC KEY-----\n";

const artifact::Keyring& keyring() {
  static const auto keys =
      artifact::Keyring::load({{"ec", kEcKey}, {"rsa", kRsaKey}, {"ed", kEdKey}});
  if (!keys) std::abort();
  return keys.value();
}

}  // namespace
}  // namespace patchbay::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  const std::string_view text = as_text(fuzz::input_bytes(data, size));
  // Nobody has the private keys: whatever verifies is a hole.
  if (fuzz::keyring().verify(as_bytes("manifest"), text, artifact::Limits{})) std::abort();
  static_cast<void>(artifact::parse_verification_key("key", std::string{text}));
  return 0;
}
