# add: /usr/bin/openssl
# timeout: 60
set -e
openssl speed -seconds 1 -bytes 8192 sha256 >/dev/null 2>&1; echo speed
echo naos | openssl dgst -sha512; openssl rand 16 | wc -c
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k.pem 2>/dev/null; openssl rsa -in k.pem -check -noout
echo secret | openssl enc -aes-256-cbc -pbkdf2 -pass pass:x | openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:x
