#include "modules/rootfs-image/boot_variables.hpp"
#include "patchbay/dynamic_library.hpp"

// libubootenv in our own process, for devices that have the library and not its tools. Loaded when
// it is needed, so that nobody else has to have it.
namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr const char* kLibrary = "libubootenv.so.0";
constexpr const char* kUsualConfig = "/etc/fw_env.config";

// The part of libuboot.h that we call; its soname promises that it stays.
struct Context;
struct Functions {
  int (*initialize)(Context**, void* devices);
  int (*read_config)(Context*, const char* path);
  int (*open)(Context*);
  void* (*iterator)(Context*, void* entry);
  const char* (*getname)(void* entry);
  const char* (*getvalue)(void* entry);
  int (*set_env)(Context*, const char* name, const char* value);
  int (*env_store)(Context*);
  void (*close)(Context*);
  void (*exit)(Context*);
};

Result<Functions> load() {
  PATCHBAY_TRY(auto library, module::DynamicLibrary::open(kLibrary));
  Functions functions{};
  library.find("libuboot_initialize", functions.initialize);
  library.find("libuboot_read_config", functions.read_config);
  library.find("libuboot_open", functions.open);
  library.find("libuboot_iterator", functions.iterator);
  library.find("libuboot_getname", functions.getname);
  library.find("libuboot_getvalue", functions.getvalue);
  library.find("libuboot_set_env", functions.set_env);
  library.find("libuboot_env_store", functions.env_store);
  library.find("libuboot_close", functions.close);
  library.find("libuboot_exit", functions.exit);
  PATCHBAY_CHECK(library.all_found());
  return functions;
}

/// The environment as it was read, and the library's lock on it.
class OpenEnvironment {
 public:
  static Result<OpenEnvironment> open(const Functions& functions, const std::string& config) {
    Context* context = nullptr;
    if (functions.initialize(&context, nullptr) != 0)
      return Error{std::string{kLibrary} + " cannot be initialised"};
    OpenEnvironment environment{functions, context};
    if (functions.read_config(context, config.c_str()) != 0)
      return Error{config + " is missing, or " + kLibrary + " cannot read it"};
    if (functions.open(context) != 0)
      return Error{"there is no environment with a right checksum where " + config + " says"};
    environment.is_open_ = true;
    return environment;
  }
  OpenEnvironment(OpenEnvironment&& other) noexcept
      : functions_{other.functions_},
        context_{std::exchange(other.context_, nullptr)},
        is_open_{std::exchange(other.is_open_, false)} {}
  OpenEnvironment& operator=(OpenEnvironment&&) = delete;
  OpenEnvironment(const OpenEnvironment&) = delete;
  OpenEnvironment& operator=(const OpenEnvironment&) = delete;
  ~OpenEnvironment() {
    if (is_open_) functions_.close(context_);
    if (context_ != nullptr) functions_.exit(context_);
  }
  [[nodiscard]] Context* get() const { return context_; }

 private:
  OpenEnvironment(const Functions& functions, Context* context)
      : functions_{functions}, context_{context} {}

  const Functions& functions_;
  Context* context_;
  bool is_open_ = false;
};

class LibraryVariables final : public VariableStore {
 public:
  LibraryVariables(const Functions& functions, std::string config)
      : functions_{functions}, config_{std::move(config)} {}

  [[nodiscard]] std::string name() const override {
    return std::string{"U-Boot environment ("} + kLibrary + ")";
  }
  [[nodiscard]] bool belongs_to_uboot() const override { return true; }

  Result<Variables> read() override {
    PATCHBAY_TRY(const auto environment,
                 OpenEnvironment::open(functions_, config_).context(name() + " cannot be read"));
    Variables variables;
    for (void* entry = functions_.iterator(environment.get(), nullptr); entry != nullptr;
         entry = functions_.iterator(environment.get(), entry))
      variables[functions_.getname(entry)] = functions_.getvalue(entry);
    return variables;
  }

  // Stored once, into the copy that does not count: one step.
  Status write(const Variables& variables) override {
    PATCHBAY_TRY(const auto environment, OpenEnvironment::open(functions_, config_));
    for (const auto& [variable, value] : variables) {
      if (functions_.set_env(environment.get(), variable.c_str(), value.c_str()) != 0)
        return Error{std::string{kLibrary} + " does not take " + variable + "=" + value};
    }
    if (functions_.env_store(environment.get()) != 0)
      return Error{"the environment cannot be written to where " + config_ + " says"};
    return Done{};
  }

 private:
  Functions functions_;
  std::string config_;
};

}  // namespace

std::unique_ptr<VariableStore> variables_through_library(const std::string& config) {
  const auto functions = load();
  if (!functions) return nullptr;
  return std::make_unique<LibraryVariables>(*functions, config.empty() ? kUsualConfig : config);
}

}  // namespace patchbay::rootfs_image
