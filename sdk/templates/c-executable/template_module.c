/* Update module for payloads of type "template-module": puts the payload file template-module.conf
 * at /etc, and can undo it. Called as: template-module CALL WORK_TREE, once for each call. */
#include <stdio.h>
#include <string.h>

#include "update.h"

static const char kDescription[] =
    "{\"type\": \"template-module\", \"version\": \"0.1\", \"rollback\": \"yes\",\n"
    " \"description\": \"Replaces /etc/template-module.conf\",\n"
    " \"writes\": [\"/etc/template-module.conf\", \"/etc/template-module.conf.new\",\n"
    "            \"/etc/template-module.conf.before\"]}";

int main(int argc, char** argv) {
  const char* call = argc > 1 ? argv[1] : "";
  const char* tree = argc > 2 ? argv[2] : "";
  problem_t problem;
  int result = 0;

  if (strcmp(call, "SupportsRollback") == 0) puts("Yes");
  if (strcmp(call, "Describe") == 0) puts(kDescription);
  if (strcmp(call, "ArtifactInstall") == 0) result = update_install(tree, &problem);
  if (strcmp(call, "ArtifactRollback") == 0) result = update_roll_back(tree, &problem);
  if (strcmp(call, "Cleanup") == 0) result = update_clean_up(&problem);
  /* A call that is not known prints nothing and succeeds: that is how the protocol grows. */
  if (result != 0) fprintf(stderr, "%s\n", problem.text);
  return result == 0 ? 0 : 1;
}
