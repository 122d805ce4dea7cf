# A key is made, used and revoked: on the machine of the service, with curl and awk.
set -eu
server=${CIOTAT_SERVER:-http://127.0.0.1:8000}
answer() { curl --silent --output /dev/null --write-out '%{http_code}\n' "$server/v1/videos" "$@"; }

key=$(ciotat keys create --tenant anna --jobs 10 --cost-a-day 50000)
answer --header "authorization: Bearer $key"
ciotat keys revoke "$(ciotat keys list | awk '$2 == "anna" { id = $1 } END { print id }')" >&2
answer --header "authorization: Bearer $key"
