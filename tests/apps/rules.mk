# SPDX-License-Identifier: Apache-2.0
# Programs that the application tests compile: other languages and link models. They go to /usr/local/bin of the image.
APP_BIN := $(B)/apps/bin
APP_BINARIES := $(addprefix $(APP_BIN)/,hello-nonpie hello-static hello-musl hello-musl-dynamic threads-cpp go-static go-dynamic go-http)

$(APP_BIN)/hello-nonpie: tests/apps/src/hello.c
	@mkdir -p $(@D)
	gcc -O2 -no-pie -fno-pie -o $@ $<
$(APP_BIN)/hello-static: tests/apps/src/hello.c
	@mkdir -p $(@D)
	gcc -O2 -static -o $@ $<
$(APP_BIN)/hello-musl: tests/apps/src/hello.c
	@mkdir -p $(@D)
	musl-gcc -O2 -static -o $@ $<
$(APP_BIN)/hello-musl-dynamic: tests/apps/src/hello.c
	@mkdir -p $(@D)
	musl-gcc -O2 -o $@ $<
$(APP_BIN)/threads-cpp: tests/apps/src/threads.cpp
	@mkdir -p $(@D)
	g++ -O2 -pthread -o $@ $<
$(APP_BIN)/go-static: tests/apps/src/goroutines.go
	@mkdir -p $(@D)
	CGO_ENABLED=0 GOFLAGS=-trimpath GOCACHE=$(abspath $(B))/gocache go build -o $@ $<
$(APP_BIN)/go-http: tests/apps/src/http.go
	@mkdir -p $(@D)
	GOFLAGS=-trimpath GOCACHE=$(abspath $(B))/gocache go build -o $@ $<
$(APP_BIN)/go-dynamic: tests/apps/src/goroutines.go
	@mkdir -p $(@D)
	CGO_ENABLED=1 GOFLAGS=-trimpath GOCACHE=$(abspath $(B))/gocache go build -buildmode=pie -tags netcgo -o $@ $<

.PHONY: apps-binaries
apps-binaries: $(APP_BINARIES)
CHECKS += check-apps
check-apps: all apps-binaries
	@tests/apps/run
