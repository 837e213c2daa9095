# SPDX-License-Identifier: MIT
# RIM_HAS_TLS: whether OpenSSL 3 or later is here and wanted; then rim::openssl is there too.
include(CheckCSourceCompiles)

# Compiles only: what it is linked to is not known to the little project that this is tried in.
function(rim_check_openssl)
    get_target_property(CMAKE_REQUIRED_INCLUDES rim::openssl INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT CMAKE_REQUIRED_INCLUDES)
        set(CMAKE_REQUIRED_INCLUDES "")
    endif()
    set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
    check_c_source_compiles("#include <openssl/ssl.h>
        #if OPENSSL_VERSION_MAJOR < 3
        #error too old
        #endif
        int answer;" RIM_OPENSSL_IS_NEW_ENOUGH)
endfunction()

set(RIM_HAS_TLS FALSE)
if(RIM_TLS)
    rim_dependency(openssl openssl/ssl.h libssl-dev LIBRARY ssl OPTIONAL)
    if(rim_openssl_FOUND)
        rim_check_openssl()
        set(RIM_HAS_TLS ${RIM_OPENSSL_IS_NEW_ENOUGH})
    endif()
    if(NOT RIM_HAS_TLS)
        message(STATUS "No TLS: OpenSSL 3 is missing (Debian: libssl-dev; ./dev build installs it)")
    endif()
endif()
