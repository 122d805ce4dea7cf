# From words to boat.mp4, with curl and jq.
set -eu
server=${CIOTAT_SERVER:-http://127.0.0.1:8000}
call() { curl --silent --show-error --fail-with-body --header "authorization: Bearer $CIOTAT_API_KEY" "$@"; }

id=$(call "$server/v1/videos" --json '{"prompt": "a paper boat", "size": "128x128", "seconds": 1, "steps": 8}' | jq -r .id)
while status=$(call "$server/v1/videos/$id" | jq -r .status); [ "$status" = queued ] || [ "$status" = in_progress ]; do
    sleep 1
done
call --location --output boat.mp4 "$server/v1/videos/$id/content"
echo "$id $status"
