# SPDX-License-Identifier: Apache-2.0
# Mounts of naos.json: the host's directories, and the tests of files on them.
CHECKS += check-fs

check-fs: all sys-tests
	tests/fs/run

# Verified images beside the root's, and encrypted ones.
CHECKS += check-images
check-images: all sys-tests
	tests/fs/images
