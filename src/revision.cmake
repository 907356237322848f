# Write OUTPUT, a header with the revision of the sources in SOURCE: "unknown" where they are no git tree of their own, as
# from a tarball. It is left alone if it would not change.
set(revision "unknown")
find_program(git NAMES git)
if(git AND EXISTS "${SOURCE}/.git")
  execute_process(COMMAND ${git} -C "${SOURCE}" describe --always --dirty --tags --abbrev=12
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed EQUAL 0)
    set(revision "${found}")
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "static const char apd_revision[] = \"${revision}\";\n")
