# SPDX-License-Identifier: MIT
# How everything of ours is compiled: linked privately, so that none of it reaches a program that links the library.
#     rim_flags      tests and most programs
#     rim_flags_lto  the library, and programs whose speed is measured: optimised at link time if RIM_LTO says so. Each
#                    such link compiles the whole library again, which takes seconds.
# rim_flags_common is what both share.
add_library(rim_flags_common INTERFACE)
add_library(rim_flags INTERFACE)
add_library(rim_flags_lto INTERFACE)
target_link_libraries(rim_flags INTERFACE rim_flags_common)
target_link_libraries(rim_flags_lto INTERFACE rim_flags_common)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)

target_compile_options(rim_flags_common INTERFACE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wpointer-arith -Wwrite-strings $<$<BOOL:${RIM_WERROR}>:-Werror>)
target_compile_definitions(rim_flags_common INTERFACE $<$<BOOL:${RIM_AUDIT}>:RIM_AUDIT>)

if(RIM_SANITIZE)
    target_compile_options(rim_flags_common INTERFACE -fsanitize=${RIM_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(rim_flags_common INTERFACE -fsanitize=${RIM_SANITIZE})
endif()

if(RIM_COVERAGE)
    target_compile_options(rim_flags_common INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(rim_flags_common INTERFACE --coverage)
endif()

# Fat objects: the static library serves programs with and without link-time optimisation. Only gcc makes them in the
# compilers that we support.
if(RIM_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(rim_flags_lto INTERFACE -flto=auto -ffat-lto-objects)
    target_link_options(rim_flags_lto INTERFACE -flto=auto)
    # Else the linker's plug-in finds the fat objects and optimises them all the same.
    target_link_options(rim_flags INTERFACE -fno-lto)
elseif(RIM_LTO)
    message(STATUS "No link-time optimisation: it is for gcc, and this is ${CMAKE_C_COMPILER_ID}")
endif()

# A profile: `./dev build pgo` builds twice in one folder, and runs rimbench in between. The counts lie beside the objects.
if(RIM_PROFILE STREQUAL "make")
    target_compile_options(rim_flags_common INTERFACE -fprofile-generate -fprofile-update=atomic)
    target_link_options(rim_flags_common INTERFACE -fprofile-generate)
elseif(RIM_PROFILE STREQUAL "use")
    # What was not run has no counts: with partial-training it is built as without a profile, else for size (file reads
    # had 60 % more instructions so). What was run by threads may have odd ones.
    target_compile_options(rim_flags_common INTERFACE -fprofile-use -fprofile-partial-training -fprofile-correction
        -Wno-missing-profile -Wno-coverage-mismatch)
    target_link_options(rim_flags_common INTERFACE -fprofile-use -fprofile-partial-training)
elseif(RIM_PROFILE)
    message(FATAL_ERROR "RIM_PROFILE: make or use, and not ${RIM_PROFILE}")
endif()
