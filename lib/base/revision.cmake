# Writes the git revision of SOURCE_DIR into the header OUTPUT; touches the file only when it changes.
set(revision unknown)
if(EXISTS ${SOURCE_DIR}/.git)
  execute_process(
    COMMAND git --no-optional-locks -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
    RESULT_VARIABLE failed OUTPUT_VARIABLE described ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed AND described)
    set(revision ${described})
  endif()
endif()
set(text "#pragma once\n#define PIE_GIT_REVISION \"${revision}\"\n")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
