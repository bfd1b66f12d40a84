#include "core/fleet/deployment_record.hpp"

#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"
#include "core/flow/journal.hpp"
#include "core/flow/outcome.hpp"

namespace patchbay::fleet {
namespace {

using nlohmann::json;

/// The text under `name`; empty when there is none.
std::string text_of(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// Of the update that has ended last; null when nothing can be said about it.
json last_update(const store::Store& store) {
  const auto text = store.read(store::kLastUpdate);
  return text && *text ? json::parse(**text, nullptr, false) : json{};
}

bool is_committed(const json& update) {
  return text_of(update, "end") == flow::to_string(flow::End::committed);
}

}  // namespace

std::string_view to_string(DeploymentRecord::Result result) {
  switch (result) {
    case DeploymentRecord::Result::success:
      return "success";
    case DeploymentRecord::Result::failure:
      return "failure";
    case DeploymentRecord::Result::open:
      break;
  }
  return "open";
}

Result<std::optional<DeploymentRecord>> read_deployment(const store::Store& store) {
  PB_TRY(const auto text, store.read(store::kDeployment));
  if (!text) return std::optional<DeploymentRecord>{};
  const json in = json::parse(*text, nullptr, false);
  DeploymentRecord record{text_of(in, "id"), text_of(in, "started")};
  const std::string result = text_of(in, "result");
  for (const auto known : {DeploymentRecord::Result::success, DeploymentRecord::Result::failure}) {
    if (result == to_string(known)) record.result = known;
  }
  const bool is_known = result == to_string(record.result);
  if (!record.id.empty() && is_known) return std::optional{std::move(record)};
  return Error{ErrorCode::invalid_input, "the store's key patchbay-deployment is damaged: \"" +
                                             printable(*text) +
                                             "\" ('patchbay daemon' puts it right)"};
}

Status record_deployment(store::Store& store, const DeploymentRecord& record) {
  const json out{
      {"id", record.id}, {"started", record.started}, {"result", to_string(record.result)}};
  store::Transaction transaction;
  transaction.put(store::kDeployment, out.dump(-1, ' ', false, json::error_handler_t::replace));
  return store.commit(transaction).context("record the deployment");
}

Status erase_deployment(store::Store& store) {
  store::Transaction transaction;
  transaction.erase(store::kDeployment);
  return store.commit(transaction).context("forget the deployment");
}

Result<std::optional<DeploymentRecord>> infer_deployment(const store::Store& store) {
  PB_TRY(const auto journal, flow::read_journal(store));
  const json last = last_update(store);
  DeploymentRecord record{journal ? journal->deployment : text_of(last, "deployment"),
                          journal ? journal->started : text_of(last, "started")};
  if (record.id.empty()) return std::optional<DeploymentRecord>{};
  if (!journal) {
    record.result =
        is_committed(last) ? DeploymentRecord::Result::success : DeploymentRecord::Result::failure;
  }
  return std::optional{std::move(record)};
}

bool has_committed(const store::Store& store, const std::string& started) {
  const json last = last_update(store);
  return !started.empty() && text_of(last, "started") == started && is_committed(last);
}

}  // namespace patchbay::fleet
