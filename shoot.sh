# shoot DIR scheme w h name
cd /dev/shm; timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --blink-settings=preferredColorScheme=$( [ $2 = dark ] && echo 0 || echo 1) --window-size=$3,$4 --screenshot=/dev/shm/shot-$5.png file://$1/index.html 2>&1 | tail -1
