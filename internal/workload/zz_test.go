package workload
import ("testing";"time";"os/exec")
func TestZZ(t *testing.T){
 _,addr:=serveS3(t)
 _=exec.Command
 for _,k:=range []string{Download,Upload,Download}{
  w:=start(t,Spec{Kind:k,URL:"http://s3/data/object",Connect:addr}); w.until(t,Connected); 
  if k==Upload { out,_:=exec.Command("timeout","2","strace","-c","-f","-p",itoa(w.cmd.Process.Pid)).CombinedOutput(); t.Log(string(out)) } else {time.Sleep(2*time.Second)}
  w.stop(t)
  e,_:=w.until(t,Closed); st:=w.cmd.ProcessState; t.Logf("%s %.1f MB/s cpu u %v s %v",k,float64(e.Bytes)/2e6,st.UserTime(),st.SystemTime())
 }
}
func itoa(i int) string { b:=[]byte{}; for ;i>0;i/=10 { b=append([]byte{byte('0'+i%10)},b...)}; return string(b)}
