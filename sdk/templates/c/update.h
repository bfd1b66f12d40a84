/* What the module does, apart from how it is called. `tree` is the work tree.
 * 0 is success; otherwise `problem` says what is wrong. */
#ifndef UPDATE_H
#define UPDATE_H

typedef struct problem {
  int number; /* errno */
  char text[512];
} problem_t;

int update_install(const char* tree, problem_t* problem);
int update_roll_back(const char* tree, problem_t* problem);
int update_clean_up(problem_t* problem);

#endif
