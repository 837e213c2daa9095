# SPDX-License-Identifier: MIT
# How everything of ours is compiled: the target rim_flags, linked privately, which also carries the link options of
# rim_flags_link. None of it reaches a program that links the library.
add_library(rim_flags_link INTERFACE)
add_library(rim_flags INTERFACE)
target_link_libraries(rim_flags INTERFACE rim_flags_link)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)

target_compile_options(rim_flags INTERFACE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wpointer-arith -Wwrite-strings $<$<BOOL:${RIM_WERROR}>:-Werror>)
target_compile_definitions(rim_flags INTERFACE $<$<BOOL:${RIM_AUDIT}>:RIM_AUDIT>)

if(RIM_SANITIZE)
    target_compile_options(rim_flags INTERFACE -fsanitize=${RIM_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(rim_flags_link INTERFACE -fsanitize=${RIM_SANITIZE})
endif()

if(RIM_COVERAGE)
    target_compile_options(rim_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(rim_flags_link INTERFACE --coverage)
endif()

# Fat objects: the static library serves programs with and without link-time optimisation. Only gcc makes them in the
# compilers that we support.
if(RIM_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(rim_flags INTERFACE -flto=auto -ffat-lto-objects)
    target_link_options(rim_flags_link INTERFACE -flto=auto)
elseif(RIM_LTO)
    message(STATUS "No link-time optimisation: it is for gcc, and this is ${CMAKE_C_COMPILER_ID}")
endif()

# A profile: `./dev build pgo` builds twice in one folder, and runs rimbench in between. The counts lie beside the objects.
if(RIM_PROFILE STREQUAL "make")
    target_compile_options(rim_flags INTERFACE -fprofile-generate -fprofile-update=atomic)
    target_link_options(rim_flags_link INTERFACE -fprofile-generate)
elseif(RIM_PROFILE STREQUAL "use")
    # What was not run has no counts, and what was run by threads may have odd ones.
    target_compile_options(rim_flags INTERFACE -fprofile-use -fprofile-correction -Wno-missing-profile
        -Wno-coverage-mismatch)
    target_link_options(rim_flags_link INTERFACE -fprofile-use)
elseif(RIM_PROFILE)
    message(FATAL_ERROR "RIM_PROFILE: make or use, and not ${RIM_PROFILE}")
endif()
